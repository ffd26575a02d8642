/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * number-file.c: the numbers of a list parameter, read from a file.
 *
 *   .cube   a table of colours in three dimensions, red changing first; followed by
 *           the domain, three numbers where it begins and three where it ends, if that
 *           is not from 0 to 1
 *   .wav    the samples of one channel, from -1 to 1
 *   else    numbers with blanks, commas or line ends between; # begins a comment
 *
 * Whatever is wrong with a file is told with its name and, where it has lines, the
 * line; what a message quotes of it is one short word.
 */
#include "core/core-private.h"
#include "wave.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Bytes that a number takes at the most, and bytes for all that is no number. */
#define NUMBER_SIZE 40u
#define OTHER_SIZE (1u << 20)
#define LONGEST_WORD 63u

#define MIN_CUBE_SIDE 2u
#define MAX_CUBE_SIDE 256u

typedef struct
{
  const gchar *path;
  const gchar *kernel;
  const RingParameterDescription *d;
  GArray *numbers; /* of gfloat */
  GError **error;

  const gchar *at; /* in the text, behind the last word */
  guint line;      /* from 1; 0: the file has none */
  gchar word[LONGEST_WORD + 1];

  guint side;        /* .cube; 0: not yet known */
  gdouble domain[6]; /* where it begins, and where it ends */
  guint domain_line; /* 0: it is the usual one */
} Reader;

G_GNUC_PRINTF (2, 3)
static gboolean
set_wrong (Reader *r, const gchar *format, ...)
{
  g_autofree gchar *what = NULL;
  g_autofree gchar *line =
      r->line > 0 ? g_strdup_printf (":%u", r->line) : g_strdup ("");
  va_list arguments;

  va_start (arguments, format);
  what = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (r->error, RING_ERROR, RING_ERROR_PARAMETER,
      "parameter '%s' of kernel '%s': %s%s: %s", r->d->name, r->kernel, r->path,
      line, what);
  return FALSE;
}

/* ---- bytes ------------------------------------------------------------------------- */

/* Nothing but a regular file is opened, and no more is read than the list can need. */
static gchar *
read_file (Reader *r, gsize *size)
{
  const gsize limit = OTHER_SIZE + (gsize) NUMBER_SIZE * r->d->max_count;
  struct stat info;
  gchar *bytes = NULL;
  gssize n = 1;
  gint fd;

  /* Before it is opened, because that alone does something to some devices; and
   * afterwards, because it may have become something else. */
  if (stat (r->path, &info) != 0) {
    set_wrong (r, "the file cannot be opened: %s", g_strerror (errno));
    return NULL;
  }
  if (!S_ISREG (info.st_mode)) {
    set_wrong (r, "it is not a regular file");
    return NULL;
  }
  fd = open (r->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &info) != 0) {
    set_wrong (r, "the file cannot be opened: %s", g_strerror (errno));
  } else if (!S_ISREG (info.st_mode)) {
    set_wrong (r, "it is not a regular file");
  } else if ((guint64) info.st_size > limit) {
    set_wrong (r,
        "it has %" G_GINT64_FORMAT
        " bytes; of a list of at most %u numbers no more "
        "than %" G_GSIZE_FORMAT " are read",
        (gint64) info.st_size, r->d->max_count, limit);
  } else {
    /* The size is not trusted: the file may be growing. */
    bytes = g_malloc ((gsize) info.st_size + 1);
    *size = 0;
    while (*size < (gsize) info.st_size && n != 0) {
      n = read (fd, bytes + *size, (gsize) info.st_size - *size);
      if (n > 0) {
        *size += (gsize) n;
      } else if (n < 0 && errno != EINTR) {
        set_wrong (r, "the file cannot be read: %s", g_strerror (errno));
        g_clear_pointer (&bytes, g_free);
        break;
      }
    }
    if (bytes)
      bytes[*size] = '\0';
  }
  if (fd >= 0)
    close (fd);
  return bytes;
}

/* ---- words and numbers ----------------------------------------------------------------- */

/* The next word of the line. FALSE: there is none. */
static gboolean
next_word (Reader *r, const gchar *between)
{
  gsize n;

  r->at += strspn (r->at, between);
  if (*r->at == '#')
    r->at += strcspn (r->at, "\n");
  n = strcspn (r->at, between);
  n = MIN (n, strcspn (r->at, "#\n"));
  memcpy (r->word, r->at, MIN (n, LONGEST_WORD));
  r->word[MIN (n, LONGEST_WORD)] = '\0';
  r->at += n;
  return n > 0;
}

/* FALSE: that was the last line. */
static gboolean
next_line (Reader *r)
{
  r->at += strcspn (r->at, "\n");
  if (*r->at == '\0')
    return FALSE;
  r->at++;
  r->line++;
  return TRUE;
}

/* What is quoted may be anything. */
static gchar *
quotable (const gchar *word)
{
  g_autofree gchar *valid = g_utf8_make_valid (word, -1);
  gchar *c;

  for (c = valid; *c; c++)
    if (g_ascii_iscntrl (*c))
      *c = '?';
  return g_steal_pointer (&valid);
}

static gboolean
word_is_number (Reader *r, gdouble *value)
{
  gchar *end;

  *value = g_ascii_strtod (r->word, &end);
  return end != r->word && *end == '\0';
}

static gboolean
get_number (Reader *r, gdouble *value)
{
  if (!word_is_number (r, value)) {
    g_autofree gchar *word = quotable (r->word);

    return set_wrong (r, "'%s' is not a number", word);
  }
  if (!isfinite (*value) || !isfinite ((gfloat) *value))
    return set_wrong (r, "'%s' is not finite", r->word);
  return TRUE;
}

static gboolean
add_number (Reader *r, gdouble value)
{
  const gfloat f32 = (gfloat) value;

  if (!(value >= r->d->minimum && value <= r->d->maximum))
    return set_wrong (r, "%g is not from %g to %g", value, r->d->minimum,
        r->d->maximum);
  if (r->numbers->len >= r->d->max_count)
    return set_wrong (r, "there are more than %u numbers", r->d->max_count);
  g_array_append_val (r->numbers, f32);
  return TRUE;
}

static gboolean
read_numbers (Reader *r)
{
  do {
    while (next_word (r, " \t\r,")) {
      gdouble value;

      if (!get_number (r, &value) || !add_number (r, value))
        return FALSE;
    }
  } while (next_line (r));
  return TRUE;
}

/* ---- .cube --------------------------------------------------------------------------------- */

#define BLANKS " \t\r"

/* What is left of the line: @n numbers. */
static gboolean
get_rest (Reader *r, gdouble *value, guint n, const gchar *what)
{
  guint i;

  for (i = 0; i < n; i++) {
    if (!next_word (r, BLANKS))
      return set_wrong (r, "%s has %u numbers here; it takes %u", what, i, n);
    if (!get_number (r, &value[i]))
      return FALSE;
  }
  if (next_word (r, BLANKS))
    return set_wrong (r, "%s has more than %u numbers here", what, n);
  return TRUE;
}

static gboolean
take_size (Reader *r)
{
  gdouble side;
  guint64 count;

  if (r->side > 0)
    return set_wrong (r, "LUT_3D_SIZE is there twice");
  if (!get_rest (r, &side, 1, "LUT_3D_SIZE"))
    return FALSE;
  if (side != floor (side) || side < MIN_CUBE_SIDE || side > MAX_CUBE_SIDE)
    return set_wrong (r,
        "LUT_3D_SIZE is %g; it is a whole number from %u to %u", side,
        MIN_CUBE_SIDE, MAX_CUBE_SIDE);
  r->side = (guint) side;
  count = 3 * (guint64) r->side * r->side * r->side;
  if (count > r->d->max_count)
    return set_wrong (r,
        "LUT_3D_SIZE %u makes %" G_GUINT64_FORMAT
        " numbers; at most %u are taken",
        r->side, count, r->d->max_count);
  return TRUE;
}

static gboolean
take_domain (Reader *r, const gchar *keyword)
{
  gdouble both[2];
  guint i;

  r->domain_line = r->line;
  if (strcmp (keyword, "DOMAIN_MIN") == 0)
    return get_rest (r, r->domain, 3, keyword);
  if (strcmp (keyword, "DOMAIN_MAX") == 0)
    return get_rest (r, r->domain + 3, 3, keyword);
  if (!get_rest (r, both, 2, keyword))
    return FALSE;
  for (i = 0; i < 6; i++)
    r->domain[i] = both[i / 3];
  return TRUE;
}

static gboolean
take_keyword (Reader *r)
{
  g_autofree gchar *keyword = quotable (r->word);

  if (strcmp (keyword, "TITLE") == 0)
    return TRUE;
  if (strcmp (keyword, "LUT_3D_SIZE") == 0)
    return take_size (r);
  if (strcmp (keyword, "DOMAIN_MIN") == 0 || strcmp (keyword, "DOMAIN_MAX") == 0
      || strcmp (keyword, "LUT_3D_INPUT_RANGE") == 0)
    return take_domain (r, keyword);
  if (g_str_has_prefix (keyword, "LUT_1D_"))
    return set_wrong (r,
        "%s: it holds a table of one dimension; a table of three is wanted, with "
        "LUT_3D_SIZE",
        keyword);
  return set_wrong (r, "'%s' is neither a number nor a keyword that is known",
      keyword);
}

static gboolean
take_color (Reader *r)
{
  const guint count = 3 * r->side * r->side * r->side;
  guint i;

  if (r->side == 0)
    return set_wrong (r, "there is a colour before LUT_3D_SIZE");
  if (r->numbers->len >= count)
    return set_wrong (r, "there are more colours than the %u of LUT_3D_SIZE %u",
        count / 3, r->side);
  for (i = 0; i < 3; i++) {
    gdouble value;

    if (i > 0 && !next_word (r, BLANKS))
      return set_wrong (r, "a colour is three numbers; here is %u", i);
    if (!get_number (r, &value) || !add_number (r, value))
      return FALSE;
  }
  if (next_word (r, BLANKS))
    return set_wrong (r, "a colour is three numbers; here are more");
  return TRUE;
}

/* Pictures go from 0 to 1, all of which the table must have a colour for. */
static gboolean
add_domain (Reader *r)
{
  static const gdouble usual[6] = { 0, 0, 0, 1, 1, 1 };
  guint i;

  if (memcmp (r->domain, usual, sizeof usual) == 0)
    return TRUE;
  r->line = r->domain_line;
  for (i = 0; i < 3; i++)
    if (!(r->domain[i] <= 0 && r->domain[3 + i] >= 1))
      return set_wrong (r,
          "the domain is from %g to %g; it has to hold all from 0 to 1",
          r->domain[i], r->domain[3 + i]);
  for (i = 0; i < 6; i++)
    if (!add_number (r, r->domain[i]))
      return FALSE;
  return TRUE;
}

static gboolean
read_cube (Reader *r)
{
  guint last = 1;

  for (guint i = 3; i < 6; i++)
    r->domain[i] = 1;
  do {
    gdouble value;

    if (!next_word (r, BLANKS))
      continue;
    last = r->line;
    /* "nan" is a number, of those that are not finite. */
    if (g_ascii_isalpha (r->word[0]) && !word_is_number (r, &value)
            ? !take_keyword (r)
            : !take_color (r))
      return FALSE;
  } while (next_line (r));

  r->line = last;
  if (r->side == 0)
    return set_wrong (r, "it ends without LUT_3D_SIZE");
  if (r->numbers->len < 3 * r->side * r->side * r->side)
    return set_wrong (r, "it ends after %u colours; LUT_3D_SIZE %u takes %u",
        r->numbers->len / 3, r->side, r->side * r->side * r->side);
  return add_domain (r);
}

/* ---- .wav ---------------------------------------------------------------------------------- */

static gboolean
read_wave (Reader *r, const guint8 *bytes, gsize size)
{
  g_autoptr (GError) reason = NULL;
  RingWave wave = { 0 };
  gsize i;

  r->line = 0;
  if (!ring_wave_find (&wave, bytes, size, r->path, &reason)) {
    g_set_error (r->error, RING_ERROR, RING_ERROR_PARAMETER,
        "parameter '%s' of kernel '%s': %s", r->d->name, r->kernel,
        reason->message);
    return FALSE;
  }
  if (wave.channels != 1)
    return set_wrong (r, "it has %u channels; one is wanted", wave.channels);
  if (wave.n_samples > r->d->max_count)
    return set_wrong (r,
        "it has %" G_GSIZE_FORMAT " samples; at most %u are taken",
        wave.n_samples, r->d->max_count);
  for (i = 0; i < wave.n_samples; i++) {
    const gdouble value = ring_wave_sample (&wave, i);

    if (!isfinite (value) || !isfinite ((gfloat) value))
      return set_wrong (r, "sample %" G_GSIZE_FORMAT " is not finite", i);
    if (!add_number (r, value))
      return FALSE;
  }
  return TRUE;
}

/* ---- a file --------------------------------------------------------------------------------- */

static gboolean
read_text (Reader *r, gchar *text, gsize size, gboolean is_cube)
{
  r->line = 1;
  r->at = text;
  if (strlen (text) != size) {
    while (next_line (r))
      ;
    return set_wrong (r, "it is no text");
  }
  /* Some editors begin a file with a byte order mark. */
  if (g_str_has_prefix (text, "\xef\xbb\xbf"))
    r->at += 3;
  return is_cube ? read_cube (r) : read_numbers (r);
}

static gboolean
has_suffix (const gchar *path, const gchar *suffix)
{
  const gsize n = strlen (path), m = strlen (suffix);

  return n >= m && g_ascii_strcasecmp (path + n - m, suffix) == 0;
}

GArray *
ring_number_file_read_ (const gchar *path, const RingParameterDescription *d,
    const gchar *kernel_name, GError **error)
{
  Reader r = { .path = path, .kernel = kernel_name, .d = d, .error = error };
  g_autofree gchar *bytes = NULL;
  gsize size;

  bytes = read_file (&r, &size);
  if (!bytes)
    return NULL;
  r.numbers = g_array_new (FALSE, FALSE, sizeof (gfloat));
  if (has_suffix (path, ".wav")
          ? read_wave (&r, (const guint8 *) bytes, size)
          : read_text (&r, bytes, size, has_suffix (path, ".cube")))
    return r.numbers;
  g_array_unref (r.numbers);
  return NULL;
}
