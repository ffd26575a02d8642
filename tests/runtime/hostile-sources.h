/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * hostile-sources.h: texts that are no kernels, and what is to be said of each.
 */
#ifndef HOSTILE_SOURCES_H
#define HOSTILE_SOURCES_H

#include <ringkernel/ringkernel.h>

#define SDK "#include <ringkernel/kernel-sdk.h>\n"
#define KERNEL "RING_KERNEL (x, \"Does it\")\n"
/* From here on it is line 4. */
#define HEAD SDK KERNEL "{\n"
#define GOOD \
  SDK KERNEL \
      "{\n  RING_FOR_EACH (i, in.size)\n    out.data[i] = in.data[i];\n}\n"

typedef struct
{
  const gchar *name;
  const gchar *text;
  gint code;         /* RING_ERROR_* */
  const gchar *says; /* what it is about */
  const gchar *at;   /* behind the file's name; "": no line */
} Hostile;

#define C RING_ERROR_COMPILE
#define I RING_ERROR_KERNEL_INVALID

static const Hostile sources[] = {
  /* what is no C */
  { "no-semicolon", HEAD "  int y = 1\n}\n", C, "expected", ":" },
  { "open-brace", HEAD "  if (1) {\n}\n", C, "expected", ":" },
  { "open-parenthesis", SDK "RING_KERNEL (x, \"y\"", C, "unterminated", ":2:" },
  { "open-comment", GOOD "/* and then", C, "no end", ":7:1: error" },
  { "open-string", HEAD "  const char *y = \"abc;\n}\n", C, "error", ":4:" },
  { "open-condition", "#if 1\n" GOOD, C, "unterminated", ":1:" },
  { "unknown-variable", HEAD "  out.data[0] = nothing;\n}\n", C, "nothing",
      ":4:17: error" },
  { "unknown-function", HEAD "  printf (\"hello\");\n}\n", C, "printf",
      ":4:3: error" },
  { "unknown-member", HEAD "  out.data[0] = in.nothing;\n}\n", C, "nothing",
      ":4:" },
  { "wrong-type", HEAD "  int y = \"text\";\n  out.data[0] = y;\n}\n", C, "int",
      ":4:" },
  { "assigns-to-parameter",
      SDK "RING_KERNEL (x, \"y\", RING_INT (n, 1, 0, 2, \"z\"))\n{\n"
          "  params.n = 2;\n}\n",
      C, "assign", ":4:" },
  { "error-directive", "#error \"as it says\"\n" GOOD, C, "as it says",
      ":1:2: error" },
  { "garbage", "RING_KERNEL {{{{((((\"'\\", C, "expected", ":1:" },
  { "script", "#!/bin/sh\necho RING_KERNEL\n", C, "directive", ":1:" },
  { "cplusplus", "template <typename T> T one () { return 1; }\n" GOOD, C,
      "error", ":1:" },
  { "trigraph", "\?\?=include <stdio.h>\n" GOOD, C, "expected", ":1:" },
  { "deep", NULL, C, "error", "" },
  { "large-object",
      SDK "static const char big[1ull << 40] = { 1 };\n" KERNEL
          "{\n  out.data[0] = big[in.size];\n}\n",
      C, "does not compile", "" },

  /* what it may not read */
  { "include-stdio", "#include <stdio.h>\n" GOOD, C, "not <stdio.h>",
      ":1:2: error" },
  { "include-passwd", "#include \"/etc/passwd\"\n" GOOD, C,
      "not \"/etc/passwd\"", ":1:2: error" },
  { "include-neighbour", SDK "#include \"good.c\"\n", C, "not \"good.c\"",
      ":2:2: error" },
  { "include-itself", "#include \"include-itself.c\"\n" GOOD, C, "nothing else",
      ":1:2: error" },
  { "include-other-header", "#include <ringkernel/abi.h>\n" GOOD, C,
      "not <ringkernel/abi.h>", ":1:2: error" },
  { "include-by-macro", "#define H <stdio.h>\n#include H\n" GOOD, C, "not H",
      ":2:2: error" },
  { "include-nothing", "#include\n" GOOD, C, "without a name", ":1:2: error" },
  { "include-next", "#include_next <stdio.h>\n" GOOD, C, "#include_next",
      ":1:2: error" },
  { "import", "#import <stdio.h>\n" GOOD, C, "#import", ":1:2: error" },
  { "embed",
      SDK "static const char b[] = {\n#embed \"/etc/passwd\"\n};\n" KERNEL
          "{ }\n",
      C, "#embed", ":3:2: error" },
  { "include-in-two-lines", "#inc\\\nlude <stdio.h>\n" GOOD, C, "nothing else",
      ":1:2: error" },
  { "include-in-comments", "/* */ # /* */ include /* */ <stdio.h>\n" GOOD, C,
      "nothing else", ":1:15: error" },
  { "include-digraph", "%:include <stdio.h>\n" GOOD, C, "nothing else",
      ":1:3: error" },
  { "include-never", "#if 0\n#include <stdio.h>\n#endif\n" GOOD, C,
      "nothing else", ":2:2: error" },
  { "include-behind-string",
      "static const char y[] = \"/*\";\n"
      "#include <stdio.h>\n/* */" GOOD,
      C, "nothing else", ":2:2: error" },
  { "has-include", "#if __has_include (\"/etc/shadow\")\n#endif\n" GOOD, C,
      "__has_include", ":1:5: error" },
  { "pragma-dependency", "#pragma GCC dependency \"/etc/passwd\"\n" GOOD, C,
      "dependency", ":1:13: error" },
  { "pragma-operator",
      "_Pragma (\"GCC dependency \\\"/etc/passwd\\\"\")\n" GOOD, C, "_Pragma",
      ":1:1: error" },
  { "line-of-another-file", "#line 1 \"/etc/passwd\"\n" HEAD "  nothing;\n}\n",
      C, "#line", ":1:2: error" },
  { "marker-of-another-file", "# 1 \"/etc/passwd\"\n" HEAD "  nothing;\n}\n", C,
      "own lines", ":1:3: error" },
  { "its-own-name", HEAD "  out.data[0] = __FILE__[0];\n}\n", C, "__FILE__",
      ":4:17: error" },
  { "its-own-time", HEAD "  out.data[0] = __TIME__[0];\n}\n", C, "__TIME__",
      ":4:17: error" },

  /* what compilers read in different ways */
  { "carriage-return", "// one\r#include <stdio.h>\n" GOOD, C,
      "carriage return", ":1:7: error" },
  { "space-behind-backslash", "// one \\ \n#include <stdio.h>\n" GOOD, C,
      "backslash", ":1:8: error" },
  { "raw-string",
      SDK "static const char y[] = R\"(\n#define)\";\n" KERNEL "{ }\n", C,
      "raw strings", ":2:25: error" },
  { "digit-separator", HEAD "  int y = 1'000;\n}\n", C, "number",
      ":4:12: error" },

  /* what one target has only */
  { "assembly", HEAD "  __asm__ (\".incbin \\\"/etc/passwd\\\"\");\n}\n", C,
      "inline assembly", ":4:3: error" },
  { "assembly-at-top", "asm (\"nop\");\n" GOOD, C, "inline assembly",
      ":1:1: error" },
  { "assembly-by-macro", "#define A asm\n" GOOD, C, "inline assembly",
      ":1:11: error" },
  { "libc", "extern int puts (const char *text);\n" HEAD "  puts (\"x\");\n}\n",
      C, "'puts'", ":1:12: error" },
  { "libc-builtin", HEAD "  __builtin_printf (\"%d\", (int) in.size);\n}\n", C,
      "'printf'", ":4:3: error" },
  { "libc-aborts", HEAD "  if (in.size > 9)\n    __builtin_abort ();\n}\n", C,
      "'abort'", ":5:5: error" },
  { "libc-implicit",
      "#pragma GCC diagnostic ignored \"-Wimplicit-function-declaration\"\n"
      "int system (const char *);\n" HEAD
      "  out.data[0] = system (\"true\") != 0;\n}\n",
      C, "'system'", ":2:5: error" },
  { "nobodys-function",
      "extern int nobody (int);\n" HEAD
      "  out.data[0] = nobody (in.data[0]);\n}\n",
      C, "'nobody'", ":1:12: error" },
  { "nobodys-variable",
      "extern int nobody;\n" HEAD "  out.data[0] = nobody;\n}\n", C, "'nobody'",
      ":1:12: error" },
  { "variable", "static int count;\n" HEAD "  out.data[0] = count++;\n}\n", C,
      "'count' keeps a value", ":1:12: error" },
  { "variable-with-value",
      "static int count = 7;\n" HEAD "  out.data[0] = count++;\n}\n", C,
      "'count' keeps a value", ":1:12: error" },
  { "variable-of-a-function",
      HEAD "  static int count;\n  out.data[0] = count++;\n}\n", C,
      "'count' keeps a value", ":4:14: error" },
  { "variable-of-a-thread",
      "static __thread int count;\n" HEAD "  out.data[0] = count++;\n}\n", C,
      "'count' keeps a value", ":1:21: error" },
  { "runs-when-loaded",
      "__attribute__ ((constructor)) static void\nrun (void)\n"
      "{\n  volatile int y = 1;\n  y++;\n}\n" GOOD,
      C, "loaded", "" },
  { "recursion",
      SDK "static int f (int n) { return n > 1 ? n * f (n - 1) : 1; }\n" KERNEL
          "{\n  out.data[0] = f (in.data[0]);\n}\n",
      C, "'f' calls itself", ":2:43: error" },
  { "recursion-of-two",
      SDK "static int g (int n);\n"
          "static int f (int n) { return n > 1 ? g (n - 1) : 1; }\n"
          "static int g (int n)\n{\n  return 2 * f (n);\n}\n" KERNEL
          "{\n  out.data[0] = f (in.data[0]);\n}\n",
      C, "leads back into 'f'", ":6:14: error" },
  { "any-length",
      HEAD "  char y[in.size];\n  y[0] = 1;\n"
           "  out.data[0] = y[in.size / 2];\n}\n",
      C, "variable length", ":4:" },

  /* what RING_KERNEL is not */
  { "nothing", "int nothing;\n", I, "no RING_KERNEL", "" },
  { "only-in-a-comment", "/* RING_KERNEL (x, \"y\") { } */\n", I,
      "no RING_KERNEL", "" },
  { "two", GOOD "RING_KERNEL (z, \"y\")\n{\n}\n", C, "second RING_KERNEL",
      ":7:1: error" },
  { "only-defined", SDK "#define MINE RING_KERNEL\n", I,
      "lacks the symbol ring_kernel_module", "" },
  { "its-own-macro",
      "#define RING_KERNEL(name, text) void name (void)\n"
      "RING_KERNEL (x, \"y\") { }\n",
      I, "lacks the symbol ring_kernel_module", "" },
  { "no-arguments", SDK "RING_KERNEL ()\n{\n}\n", C, "error", "" },
  { "no-description", SDK "RING_KERNEL (x)\n{\n}\n", C, "error", "" },
  { "description-is-a-number", SDK "RING_KERNEL (x, 7)\n{\n}\n", C, "error",
      ":2:" },
  { "name-is-a-keyword", SDK "RING_KERNEL (while, \"y\", 7)\n{\n}\n", C,
      "error", "" },
  { "item-is-a-number", SDK "RING_KERNEL (x, \"y\", 7, 8)\n{\n}\n", C, "error",
      "" },
  { "forty-one-items", NULL, C, "40 items", ":2:" },
  { "thirty-three-parameters", NULL, C, "32 parameters", ":2:" },
  { "parameter-twice",
      SDK "RING_KERNEL (x, \"y\",\n    RING_INT (n, 1, 0, 2, \"z\"),\n"
          "    RING_FLOAT (n, 1, 0, 2, \"z\"))\n{\n}\n",
      C, "parameter 'n' is declared twice", ":4:17: error" },
  { "parameter-beyond-its-range",
      SDK "RING_KERNEL (x, \"y\", RING_INT (n, 9, 0, 2, \"z\"))\n{\n}\n", I,
      "n", "" },
  { "two-formats",
      SDK
      "RING_KERNEL (x, \"y\", RING_VIDEO (\"RGB\"), RING_AUDIO (\"S16LE\"))\n"
      "{\n}\n",
      C, "a kernel declares one of RING_VIDEO", ":2:" },
  { "unknown-format",
      SDK "RING_KERNEL (x, \"y\", RING_VIDEO (\"RGB9\"))\n{\n}\n", I, "RGB9",
      "" },
  { "too-many-outputs",
      SDK "RING_KERNEL (x, \"y\", RING_EMITS (99999))\n{\n}\n", C,
      "too many outputs", ":2:" },
  { "state-of-blocks",
      SDK "RING_KERNEL (x, \"y\", RING_BLOCK_SHARING, RING_STATE (int n;))\n"
          "{\n  state->n = 1;\n}\n",
      I, "RING_BLOCK_SHARING", "" },
  { "record-of-another-size",
      SDK
      "typedef struct { int y; } Y;\n"
      "RING_KERNEL (x, \"y\", RING_RECORDS (\"(td)\", Y, \"(td)\", Y))\n{\n}\n",
      I, "16 bytes as a GVariant", "" },
};

/* Those that C allows, and C++, which GPUs need, does not. */
static const Hostile no_cplusplus[] = {
  { "name-of-cplusplus", HEAD "  int class = 1;\n  out.data[0] = class;\n}\n",
      C, "as C++, which GPUs need", ":4:" },
  { "pointer-of-any-type",
      HEAD "  void *y = out.data;\n  uint8_t *z = y;\n  z[0] = 1;\n}\n", C,
      "as C++, which GPUs need", ":5:" },
  { "function-in-a-function",
      HEAD "  int f (int n) { return n + 1; }\n  out.data[0] = f (1);\n}\n", C,
      "function", ":4:" },
  { "kernel-with-a-long-name",
      SDK "RING_KERNEL (a123456789b123456789c123456789d123456789e123456789, "
          "\"y\")\n{\n}\n",
      C, "too long", ":2:" },
  { "parameter-with-a-long-name",
      SDK "RING_KERNEL (x, \"y\",\n    RING_BOOL "
          "(a123456789b123456789c123456789d123456789e123456789, 0, \"z\"))\n"
          "{\n}\n",
      C, "too long", ":3:" },
};

#endif /* HOSTILE_SOURCES_H */
