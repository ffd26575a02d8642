/* gst-ringkernel
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * claim.h: work that one thread at a time does, and that nobody waits for.
 *
 * A word is 0 while nobody works, 1 while somebody does, and 2 when somebody else
 * has come since and left a note that there is more.
 */
#ifndef RING_CLAIM_H
#define RING_CLAIM_H

#include <glib.h>

G_BEGIN_DECLS

/* Whoever finds 0 does the work; others leave a note and go. The worker goes on
 * until nobody has left one. */
static inline gboolean
ring_claim (gint *word)
{
  gint seen = 0;

  for (;;) {
    if (seen == 0) {
      if (__atomic_compare_exchange_n (word, &seen, 1, FALSE, __ATOMIC_ACQUIRE,
              __ATOMIC_RELAXED))
        return TRUE;
    } else if (__atomic_compare_exchange_n (word, &seen, 2, FALSE,
                   __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
      /* Also over a note that is there: whoever takes it sees what we published. */
      return FALSE;
    }
  }
}

/* FALSE: there is a note; go on. */
static inline gboolean
ring_unclaim (gint *word)
{
  gint seen = 1;

  if (__atomic_compare_exchange_n (word, &seen, 0, FALSE, __ATOMIC_RELEASE,
          __ATOMIC_RELAXED))
    return TRUE;
  /* Pairs with the release of who left the note: we see what it published. */
  __atomic_exchange_n (word, 1, __ATOMIC_ACQUIRE);
  return FALSE;
}

G_END_DECLS

#endif /* RING_CLAIM_H */
