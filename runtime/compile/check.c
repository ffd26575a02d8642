/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * check.c: what a kernel's text may not have, because it compiles on one target only
 * or depends on more than the text itself. A kernel that works on the CPU is to work
 * on a GPU, so that is refused for both, with the line.
 *
 * The text is split into tokens as the compilers do it: line splices, then comments,
 * strings and directives. What they read in different ways (raw strings, digit
 * separators, lone carriage returns) is refused, so that nothing hides in it.
 */
#include "compile/compile.h"

#include <string.h>

/* How many items sdk-map.h takes after name and description. */
#define MAX_ITEMS 40
#define MAX_FUNCTIONS 1000

typedef enum
{
  TOKEN_END,
  TOKEN_NEWLINE,
  TOKEN_DIRECTIVE, /* the # of one */
  TOKEN_NAME,
  TOKEN_NUMBER,
  TOKEN_TEXT, /* string or character */
  TOKEN_OTHER /* one character */
} TokenKind;

typedef struct
{
  TokenKind kind;
  const gchar *at; /* in the text without splices */
  gsize size;
} Token;

typedef struct
{
  const RingSource *source;
  gchar *text;      /* without splices */
  guint32 *offsets; /* of each byte in the source */
  const gchar *next;
  gboolean line_begins;
  GError **error;
  gboolean failed;
} Scanner;

/* A function that the file defines, and a call inside of one. */
typedef struct
{
  gchar *name;
  guint first_call; /* the others follow it */
  gboolean visited, on_path;
} Function;

typedef struct
{
  const gchar *at;
  gsize size;
} Call;

typedef struct
{
  Scanner scanner;
  guint conditions; /* #if around the token */
  guint braces, parentheses;
  Token before, callee,
      named; /* the last token; a name before ( and before () */
  GArray *functions, *calls;
  GHashTable *by_name;  /* index + 1 */
  gboolean in_function; /* the last one */
  gboolean kernel_seen;
  const gchar *kernel; /* the first RING_KERNEL that is under no #if */
} Check;

/* ---- places ------------------------------------------------------------------- */

static void
set_error_at (const RingSource *source, gsize offset, GError **error,
    const gchar *text)
{
  guint line = 1, column = 1;
  gsize i;

  for (i = 0; i < offset; i++) {
    column++;
    if (source->text[i] == '\n') {
      line++;
      column = 1;
    }
  }
  g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
      "kernel '%s' does not compile: %s:%u:%u: error: %s", source->path,
      source->path, line, column, text);
}

/* Only the first error counts. */
static void refuse (Scanner *s, const gchar *at, const gchar *format, ...)
    G_GNUC_PRINTF (3, 4);

static void
refuse (Scanner *s, const gchar *at, const gchar *format, ...)
{
  va_list arguments;
  gchar *text;

  if (s->failed)
    return;
  s->failed = TRUE;
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  set_error_at (s->source, s->offsets[at - s->text], s->error, text);
  g_free (text);
}

/* ---- tokens ------------------------------------------------------------------- */

static void
scanner_init (Scanner *s, const RingSource *source, GError **error)
{
  const gchar *from = source->text;
  gchar *to;

  memset (s, 0, sizeof *s);
  s->source = source;
  s->error = error;
  s->line_begins = TRUE;
  s->next = s->text = to = g_malloc (source->size + 1);
  s->offsets = g_new (guint32, source->size + 1);
  while (*from) {
    const gsize newline = from[0] != '\\'     ? 0
        : from[1] == '\n'                     ? 2
        : g_str_has_prefix (from + 1, "\r\n") ? 3
                                              : 0;

    if (newline > 0) {
      from += newline;
      continue;
    }
    s->offsets[to - s->text] = (guint32) (from - source->text);
    *to++ = *from++;
  }
  s->offsets[to - s->text] = (guint32) (from - source->text);
  *to = '\0';
}

/* What makes two compilers see different lines, wherever it stands. */
static void
check_line_ends (Scanner *s)
{
  const gchar *p;

  for (p = s->text; *p && !s->failed; p++) {
    if (p[0] == '\r' && p[1] != '\n')
      refuse (s, p,
          "a carriage return without a line feed; save the file with ordinary line "
          "ends");
    else if (*p == '\\' && p[1 + strspn (p + 1, " \t\f\v\r")] == '\n')
      refuse (s, p,
          "there is space between this backslash and the end of the line");
  }
}

static void
scanner_clear (Scanner *s)
{
  g_free (s->text);
  g_free (s->offsets);
}

static gboolean
is_name_byte (gchar c)
{
  return g_ascii_isalnum (c) || c == '_' || c == '$' || (guchar) c >= 0x80;
}

static gboolean
token_is (const Token *t, const gchar *text)
{
  return t->size == strlen (text) && strncmp (t->at, text, t->size) == 0;
}

static void
skip_space (Scanner *s)
{
  for (;;) {
    const gchar *p = s->next;

    if (*p == ' ' || *p == '\t' || *p == '\f' || *p == '\v' || *p == '\r') {
      s->next++;
    } else if (p[0] == '/' && p[1] == '/') {
      s->next += strcspn (p, "\n");
    } else if (p[0] == '/' && p[1] == '*') {
      s->next = strstr (p + 2, "*/");
      if (!s->next) {
        refuse (s, p, "this comment has no end");
        s->next = p + strlen (p);
      } else {
        s->next += 2;
      }
    } else {
      return;
    }
  }
}

/* Strings and characters end with the line at the latest. */
static void
skip_text (Scanner *s)
{
  const gchar quote = *s->next++;

  while (*s->next && *s->next != '\n' && *s->next != quote)
    s->next += s->next[0] == '\\' && s->next[1] && s->next[1] != '\n' ? 2 : 1;
  if (*s->next == quote)
    s->next++;
}

static void
skip_number (Scanner *s)
{
  while (is_name_byte (*s->next) || *s->next == '.'
      || ((*s->next == '+' || *s->next == '-') && strchr ("eEpP", s->next[-1])))
    s->next++;
  if (*s->next == '\'')
    refuse (s, s->next, "no ' within or behind a number: C has none there");
}

static Token
scan (Scanner *s)
{
  Token t = { TOKEN_OTHER, NULL, 0 };
  const gchar *p;

  skip_space (s);
  t.at = p = s->next;
  if (!*p) {
    t.kind = TOKEN_END;
  } else if (*p == '\n') {
    t.kind = TOKEN_NEWLINE;
    s->next++;
  } else if (s->line_begins && (*p == '#' || (p[0] == '%' && p[1] == ':'))) {
    t.kind = TOKEN_DIRECTIVE;
    s->next += *p == '#' ? 1 : 2;
  } else if (g_ascii_isdigit (*p) || (*p == '.' && g_ascii_isdigit (p[1]))) {
    t.kind = TOKEN_NUMBER;
    skip_number (s);
  } else if (is_name_byte (*p)) {
    t.kind = TOKEN_NAME;
    while (is_name_byte (*s->next))
      s->next++;
  } else if (*p == '"' || *p == '\'') {
    t.kind = TOKEN_TEXT;
    skip_text (s);
  } else {
    s->next++;
  }
  t.size = (gsize) (s->next - p);
  s->line_begins = t.kind == TOKEN_NEWLINE;
  if (t.kind == TOKEN_NAME && *s->next == '"'
      && (token_is (&t, "R") || token_is (&t, "LR") || token_is (&t, "uR")
          || token_is (&t, "UR") || token_is (&t, "u8R")))
    refuse (s, p, "no raw strings: not every C compiler knows them");
  return t;
}

/* ---- names and directives ------------------------------------------------------- */

static void
check_name (Check *c, const Token *t)
{
  static const struct
  {
    const gchar *name, *why;
  } refused[] = {
    { "asm", "no inline assembly: it is for one kind of processor" },
    { "__asm", "no inline assembly: it is for one kind of processor" },
    { "__asm__", "no inline assembly: it is for one kind of processor" },
    { "__has_include", "a kernel may not ask what else is on the machine" },
    { "__has_include_next",
        "a kernel may not ask what else is on the machine" },
    { "__has_embed", "a kernel may not ask what else is on the machine" },
    { "_Pragma", "no _Pragma; #pragma does the same" },
    { "__pragma", "no __pragma; #pragma does the same" },
    { "__FILE__", "a kernel may not depend on where its file lies" },
    { "__FILE_NAME__", "a kernel may not depend on where its file lies" },
    { "__BASE_FILE__", "a kernel may not depend on where its file lies" },
    { "__DATE__", "a kernel may not depend on when it is compiled" },
    { "__TIME__", "a kernel may not depend on when it is compiled" },
    { "__TIMESTAMP__", "a kernel may not depend on when it is compiled" },
  };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (refused); i++) {
    if (token_is (t, refused[i].name))
      refuse (&c->scanner, t->at, "%s: %s", refused[i].name, refused[i].why);
  }
  c->kernel_seen = c->kernel_seen || token_is (t, "RING_KERNEL");
}

static void
check_include (Check *c, const Token *directive)
{
  Scanner *s = &c->scanner;
  const gchar *name, *end;
  gchar *said;

  skip_space (s);
  name = s->next;
  end = name + strcspn (name, "\r\n");
  if ((g_str_has_prefix (name, "<ringkernel/kernel-sdk.h>")
          || g_str_has_prefix (name, "\"ringkernel/kernel-sdk.h\""))) {
    s->next += strlen ("<ringkernel/kernel-sdk.h>");
    return;
  }
  said = g_strndup (name, (gsize) MIN (end - name, 100));
  g_strchomp (said);
  refuse (s, directive->at,
      "a kernel includes <ringkernel/kernel-sdk.h> and nothing else, not %s",
      *said ? said : "a file without a name");
  g_free (said);
}

static void
check_pragma (Check *c, Token *t)
{
  static const gchar *const refused[] = { "dependency", "pch_preprocess",
    "system_header", "include_alias" };
  gsize i;

  for (*t = scan (&c->scanner);
       t->kind != TOKEN_NEWLINE && t->kind != TOKEN_END;
       *t = scan (&c->scanner)) {
    for (i = 0; i < G_N_ELEMENTS (refused); i++) {
      if (t->kind == TOKEN_NAME && token_is (t, refused[i]))
        refuse (&c->scanner, t->at, "#pragma %s is not for kernels",
            refused[i]);
    }
  }
}

/* From the # to the end of its line. */
static void
check_directive (Check *c)
{
  static const gchar *const refused[] = { "include_next", "import", "embed",
    "line", "ident", "sccs", "assert", "unassert" };
  Token t = scan (&c->scanner);
  gsize i;

  if (t.kind == TOKEN_NUMBER)
    refuse (&c->scanner, t.at,
        "a kernel may not say what its own lines are called");
  if (t.kind == TOKEN_NAME) {
    for (i = 0; i < G_N_ELEMENTS (refused); i++) {
      if (token_is (&t, refused[i]))
        refuse (&c->scanner, t.at, "no #%s in a kernel%s", refused[i],
            strcmp (refused[i], "line") == 0
                ? ": it may not say what its own lines are called"
                : "; it includes <ringkernel/kernel-sdk.h> and nothing else");
    }
    if (token_is (&t, "if") || token_is (&t, "ifdef")
        || token_is (&t, "ifndef"))
      c->conditions++;
    else if (token_is (&t, "endif") && c->conditions > 0)
      c->conditions--;
    else if (token_is (&t, "include"))
      check_include (c, &t);
    else if (token_is (&t, "pragma"))
      check_pragma (c, &t);
  }
  while (t.kind != TOKEN_NEWLINE && t.kind != TOKEN_END) {
    t = scan (&c->scanner);
    if (t.kind == TOKEN_NAME)
      check_name (c, &t);
  }
}

/* ---- what RING_KERNEL declares --------------------------------------------------- */

static gboolean
is_parameter (const Token *t)
{
  static const gchar *const items[] = { "RING_FLOAT", "RING_INT", "RING_BOOL",
    "RING_ENUM", "RING_FLOAT_ARRAY" };
  gsize i;

  for (i = 0; i < G_N_ELEMENTS (items); i++) {
    if (token_is (t, items[i]))
      return TRUE;
  }
  return FALSE;
}

static Token
scan_over_lines (Scanner *s)
{
  Token t;

  do
    t = scan (s);
  while (t.kind == TOKEN_NEWLINE);
  return t;
}

/* Looks ahead; too many arguments make errors of a macro that nobody understands. */
static void
check_kernel (Check *c)
{
  Scanner *s = &c->scanner, saved = *s;
  GHashTable *names =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  guint depth = 0, arguments = 1, parameters = 0;
  Token t = scan_over_lines (s);

  while (t.kind != TOKEN_END && !s->failed) {
    const Token before = t;

    if (t.kind == TOKEN_OTHER && *t.at == '(')
      depth++;
    else if (t.kind == TOKEN_OTHER && *t.at == ')')
      depth--;
    if (depth == 0)
      break;
    if (depth == 1 && t.kind == TOKEN_OTHER && *t.at == ',') {
      if (++arguments > MAX_ITEMS + 2)
        refuse (s, t.at,
            "a kernel declares %d items at the most after its name and what it "
            "does",
            MAX_ITEMS);
    }
    t = scan_over_lines (s);
    if (depth == 1 && before.kind == TOKEN_OTHER && *before.at == ','
        && t.kind == TOKEN_NAME && is_parameter (&t)) {
      const Token open = scan_over_lines (s);
      Token name = open;
      gchar *text;

      if (open.kind == TOKEN_OTHER && *open.at == '(') {
        depth++;
        name = scan_over_lines (s);
      }
      if (++parameters > RING_MAX_PARAMETERS)
        refuse (s, t.at, "a kernel has %u parameters at the most",
            RING_MAX_PARAMETERS);
      text = g_strndup (name.at, name.size);
      if (name.kind == TOKEN_NAME && g_hash_table_contains (names, text))
        refuse (s, name.at, "the parameter '%s' is declared twice", text);
      g_hash_table_add (names, text);
      t = name;
    }
  }
  g_hash_table_unref (names);
  s->next = saved.next;
  s->line_begins = saved.line_begins;
}

/* ---- functions ------------------------------------------------------------------- */

static void
clear_function (gpointer data)
{
  g_free (((Function *) data)->name);
}

static void
follow (Check *c, guint index)
{
  Function *f = &g_array_index (c->functions, Function, index);
  const guint end =
      index + 1 < c->functions->len ? f[1].first_call : c->calls->len;
  guint i;

  f->visited = f->on_path = TRUE;
  for (i = f->first_call; i < end && !c->scanner.failed; i++) {
    const Call *call = &g_array_index (c->calls, Call, i);
    gchar *name = g_strndup (call->at, call->size);
    const guint k = GPOINTER_TO_UINT (g_hash_table_lookup (c->by_name, name));

    /* counted from 1 */
    if (k > 0 && f[(gint) k - 1 - (gint) index].on_path)
      refuse (&c->scanner, call->at,
          k - 1 == index
              ? "'%s' calls itself; a kernel's functions may not, write a loop"
              : "this call leads back into '%s'; a kernel's functions may not "
                "call themselves in a circle, write a loop",
          name);
    else if (k > 0 && !f[(gint) k - 1 - (gint) index].visited)
      follow (c, k - 1);
    g_free (name);
  }
  f->on_path = FALSE;
}

static void
begin_function (Check *c)
{
  Function f = { g_strndup (c->named.at, c->named.size), c->calls->len, FALSE,
    FALSE };

  if (c->functions->len == MAX_FUNCTIONS)
    refuse (&c->scanner, c->named.at, "a kernel has %d functions at the most",
        MAX_FUNCTIONS);
  c->in_function = TRUE;
  g_array_append_val (c->functions, f);
  if (!g_hash_table_contains (c->by_name, f.name))
    g_hash_table_insert (c->by_name, f.name,
        GUINT_TO_POINTER (c->functions->len));
}

static void
check_other (Check *c, const Token *t)
{
  const gchar byte = t->kind == TOKEN_OTHER ? *t->at : '\0';

  if (byte == '(') {
    if (c->before.kind == TOKEN_NAME && c->braces == 0 && c->parentheses == 0)
      c->callee = c->before;
    if (c->before.kind == TOKEN_NAME && c->in_function) {
      const Call call = { c->before.at, c->before.size };

      g_array_append_val (c->calls, call);
    }
    c->parentheses++;
  } else if (byte == ')' && c->parentheses > 0) {
    c->parentheses--;
    if (c->parentheses == 0 && c->braces == 0)
      c->named = c->callee;
  } else if (byte == '{') {
    if (c->braces++ == 0 && c->before.kind == TOKEN_OTHER
        && *c->before.at == ')' && c->named.at)
      begin_function (c);
  } else if (byte == '}' && c->braces > 0) {
    if (--c->braces == 0)
      c->in_function = FALSE;
  } else if (t->kind == TOKEN_NAME && token_is (t, "RING_KERNEL")
      && c->conditions == 0 && c->braces == 0) {
    if (c->kernel)
      refuse (&c->scanner, t->at,
          "a second RING_KERNEL; each kernel has a file of its own");
    else
      check_kernel (c);
    c->kernel = t->at;
  }
}

gboolean
ring_source_check (const RingSource *source, GError **error)
{
  Check c = { .before = { TOKEN_END, NULL, 0 } };
  gboolean ok;
  guint i;

  scanner_init (&c.scanner, source, error);
  c.functions = g_array_new (FALSE, TRUE, sizeof (Function));
  g_array_set_clear_func (c.functions, clear_function);
  c.calls = g_array_new (FALSE, TRUE, sizeof (Call));
  c.by_name = g_hash_table_new (g_str_hash, g_str_equal);
  check_line_ends (&c.scanner);
  while (!c.scanner.failed) {
    const Token t = scan (&c.scanner);

    if (t.kind == TOKEN_END)
      break;
    if (t.kind == TOKEN_DIRECTIVE)
      check_directive (&c);
    if (t.kind == TOKEN_DIRECTIVE || t.kind == TOKEN_NEWLINE)
      continue;
    if (t.kind == TOKEN_NAME)
      check_name (&c, &t);
    check_other (&c, &t);
    c.before = t;
  }
  for (i = 0; i < c.functions->len && !c.scanner.failed; i++) {
    if (!g_array_index (c.functions, Function, i).visited)
      follow (&c, i);
  }
  ok = !c.scanner.failed;
  if (ok && !c.kernel_seen) {
    g_set_error (error, RING_ERROR, RING_ERROR_KERNEL_INVALID,
        "'%s' is no kernel: it has no RING_KERNEL (name, \"what it does\") { … }",
        source->path);
    ok = FALSE;
  }
  g_hash_table_unref (c.by_name);
  g_array_unref (c.functions);
  g_array_unref (c.calls);
  scanner_clear (&c.scanner);
  return ok;
}

void
ring_source_set_error (const RingSource *source, const gchar *name,
    GError **error, const gchar *format, ...)
{
  static const gchar builtin[] = "__builtin_";
  GError *ignored = NULL;
  gssize offset = -1;
  va_list arguments;
  gchar *text;
  Scanner s;
  Token t;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  scanner_init (&s, source, &ignored);
  do {
    t = scan (&s);
    if (name && t.kind == TOKEN_NAME
        && (token_is (&t, name)
            || (g_str_has_prefix (t.at, builtin)
                && t.size == strlen (builtin) + strlen (name)
                && strncmp (t.at + strlen (builtin), name, strlen (name))
                    == 0)))
      offset = s.offsets[t.at - s.text];
  } while (t.kind != TOKEN_END && offset < 0);
  if (offset >= 0)
    set_error_at (source, (gsize) offset, error, text);
  else
    g_set_error (error, RING_ERROR, RING_ERROR_COMPILE,
        "kernel '%s' does not compile: %s: error: %s", source->path,
        source->path, text);
  scanner_clear (&s);
  g_clear_error (&ignored);
  g_free (text);
}
