/*
 * Samples in slots: publishing, taking with a mark, reclaiming, growing, taking back, giving memory back.
 *
 * One publisher, READERS readers that ask for all there ever was. The publisher tries PUBLISHES times to publish. Every
 * reader has MARKS marks, holds what it took as long as it likes and looks at it as often as it likes. "step" in a comment
 * names the step of docs/protocol.md that the line is.
 */
#define marks_not_looked_at      1
#define fence_left_out           2
#define checked_before_marked    3
#define mark_not_checked         4
#define mark_not_fenced          5
#define acquire_passes_release   6
#define word_before_payload      7
#define word_not_released        8
#define marks_looked_at_early    9
#define freed_at_once           10
#define arena_after_word        11
#define admitted_unwatched      12
#define mark_forgotten          13
#define dead_reader_watched     14
#define read_after_release      15
#define taken_back_untaken      16
#define publish_does_not_wait   17
#define cursor_before_check     18
#define hole_under_retired      19
#define used_after_check        20
#define end_without_last_look   21
#define key_slot_retired        22
#define key_taken_back          23
#define key_before_word         24
#define key_not_checked         25
#define key_freed_at_once       26
#define volatile_untaken        27
#define volatile_freed_at_once  28

#ifndef BROKEN
#define BROKEN 0
#endif
#ifndef DEPTH
#define DEPTH 2       /* entries of the ring */
#endif
#ifndef SLOTS
#define SLOTS 3       /* in the first arena; growing adds one more */
#endif
#ifndef MARKS
#define MARKS 2
#endif
#ifndef PUBLISHES
#define PUBLISHES 5
#endif
#ifndef READERS
#define READERS 1
#endif
#ifndef LOSSLESS
#define LOSSLESS 0    /* whether the readers are waited for */
#endif
#ifndef BATCH
#define BATCH 0       /* whether readers take several at once */
#endif
#ifndef LATEST
#define LATEST 0      /* whether readers may take the newest once more */
#endif
#ifndef SHRINKS
#define SHRINKS 0     /* whether memory is given back */
#endif
#ifndef KEYS
#define KEYS 0        /* whether samples with odd numbers are of a key, whose newest is kept; 2: until the publisher disposes of it */
#endif
#ifndef VOLATILE
#define VOLATILE 0    /* whether samples that all readers took are taken back before memory is made */
#endif
#ifndef READERDIES
#define READERDIES 0
#endif
#ifndef PUBLISHERDIES
#define PUBLISHERDIES 0
#endif
#ifndef QUEUE
#define QUEUE 4
#endif

#define ALLSLOTS  (SLOTS + 1)
#define GROWN     SLOTS          /* the slot of the second arena */
#define NOSLOT    7
#define WITHDRAWN 7

#define WORD(q)    ((q) % DEPTH)
#define HEADER(s)  (DEPTH + (s))
#define PAYLOAD(s) (DEPTH + ALLSLOTS + (s))
#define ARENA      (DEPTH + 2 * ALLSLOTS)
#define STATE      (ARENA + 1)
#define PAGE(r)    (STATE + 1 + (r) * (MARKS + 3))
#define ADMITTED(r) PAGE(r)       /* in the publisher's file */
#define CURSOR(r)  (PAGE(r) + 1)
#define USED(r)    (PAGE(r) + 2)
#define MARK(r, k) (PAGE(r) + 3 + (k))
#define TABLE      (STATE + 1 + READERS * (MARKS + 3)) /* of the key */
#if KEYS
#define CELLS      (TABLE + 1)
#else
#define CELLS      TABLE
#endif

#define WRITERS (READERS + 1)
#define PUB     READERS           /* the publisher's number as a writer; a reader has its own */

#if READERDIES || PUBLISHERDIES
#define MORTAL(p) ((p) == PUB && PUBLISHERDIES || (p) == 0 && READERDIES) /* of the readers, the first */
#endif

#include "memory.pml"

#define ringword(q, s) ((q) * 8 + (s))
#define seqof(w)       ((w) / 8)
#define slotof(w)      ((w) % 8)

#define hole    0
#define free    1
#define filling 2
#define inring  3
#define retired 4

/* What the kernel knows. */
bool publishergone, readergone[READERS];

/* What only the properties need. */
byte published;                   /* newest sequence whose word was stored */
byte held[ALLSLOTS];              /* how many checked marks name the slot */
byte missed[READERS];             /* what was gone when the reader was admitted */
bool done[READERS];
bool torn, freedheld, leaked, lostsome, miscounted, unmapped, missedkey;

/* A free slot, or none. */
inline pick() {
	d_step {                                                     /* step publish.slot */
		slot = 0;
		do
		:: slot < ALLSLOTS && place[slot] != free -> slot++
		:: else -> break
		od;
		if
		:: slot == ALLSLOTS -> slot = NOSLOT
		:: else -> place[slot] = filling
		fi
	}
}

inline lookatmarks() {
	noted = 0;
	r = 0;
	do
	:: r < READERS ->
#if BROKEN != dead_reader_watched
		if
		:: watched[r] && readergone[r] -> watched[r] = false /* step removereader.status */
		:: watched[r] && readergone[r] && !closing -> skip   /* it was not heard of yet */
		:: !watched[r] || !readergone[r] -> skip
		fi;
#endif
		if
		:: watched[r] ->
			load(PUB, USED(r), used);                        /* step reclaim.look */
			k = 0;
			do
			:: k < used ->
				d_step {                                         /* step reclaim.look */
					released(PUB) ->
					v = memory[MARK(r, k)];
					if
					:: v > 0 -> noted = noted | (1 << (v - 1))
					:: else
					fi;
					v = 0;
					k++
				}
			:: else -> break
			od;
			k = 0;
			used = 0
		:: else
		fi;
		r++
	:: else -> break
	od;
	r = 0
}

inline reclaim() {
#if BROKEN != fence_left_out
	fence(PUB);
#endif
#if BROKEN != marks_not_looked_at && BROKEN != marks_looked_at_early
	lookatmarks();
#endif
	d_step {                                                     /* step reclaim.free */
		s = 0;
		do
		:: s < ALLSLOTS ->
			if
			:: place[s] == retired && !(noted & (1 << s)) ->
				place[s] = free;
				freedheld = freedheld || held[s] > 0
			:: else
			fi;
			s++
		:: else -> break
		od;
		s = 0
	}
	assert(!freedheld)
}

/* Whether all lossless readers took a sequence. It ends with r at the first that did not. */
inline lookattaken(q) {
	r = 0;
	do
	:: r < READERS && (!watched[r] || LOSSLESS == 0) -> r++
	:: r < READERS && watched[r] && LOSSLESS == 1 ->
		load(PUB, CURSOR(r), v);
		if
		:: v > q -> r++
		:: else -> break
		fi
	:: r == READERS -> break
	od;
	v = 0
}

/* Waits until all lossless readers took a sequence. */
inline awaittaken(q) {
	r = 0;
	do
	:: r < READERS && (!watched[r] || LOSSLESS == 0 || memory[CURSOR(r)] > (q)) && released(PUB) -> r++
	:: r < READERS && watched[r] && readergone[r] -> watched[r] = false
	:: r == READERS -> break
	od;
	r = 0
}

inline grow() {
	place[GROWN] = filling;                                      /* step grow.reserve */
#if BROKEN != arena_after_word
	plain(PUB, ARENA, 1);                                        /* step grow.entry */
#endif
	slot = GROWN                                                 /* step grow.slots */
}

/* Memory of an arena that is not in use: the kernel takes it away, and gives it back zeroed. */
inline shrink() {
	atomic {
		drained(PUB) ->                                          /* step shrink.hole */
		memory[HEADER(GROWN)] = 0;
		memory[PAYLOAD(GROWN)] = 0;
		place[GROWN] = hole
	}
}

/* Whether a slot is not taken back. */
#if KEYS && BROKEN != key_taken_back
#define KEPT(s) ((s) == keyslot)
#else
#define KEPT(s) false
#endif

/* The key's newest sample was published. */
inline setkey() {
#if BROKEN != key_before_word
	release(PUB, TABLE, ringword(seq, inentry[seq % DEPTH]));    /* step key.word */
#endif
	d_step {                                                     /* step key.retire */
		leavetable();
		keyslot = inentry[seq % DEPTH];
		keyseq = seq
	}
}

inline leavetable() {
	if
#if BROKEN == key_freed_at_once
	:: keyslot != NOSLOT && inentry[keyseq % DEPTH] != keyslot -> place[keyslot] = free
#else
	:: keyslot != NOSLOT && inentry[keyseq % DEPTH] != keyslot -> place[keyslot] = retired
#endif
	:: else
	fi
}

#if VOLATILE
/* Takes back what all readers took, except the newest, if there is a reader. */
inline takebacktaken() {
	at = (seq < DEPTH -> 1 : seq + 1 - DEPTH);
	do
	:: at < seq && watched[0] ->
		r = 0;
		do
		:: r < READERS && !watched[r] -> r++
		:: r < READERS && watched[r] ->
			load(PUB, CURSOR(r), v);
			if
#if BROKEN == volatile_untaken
			:: v >= at -> r++
#else
			:: v > at -> r++
#endif
			:: else -> break
			fi
		:: r == READERS -> break
		od;
		v = 0;
		if
		:: r < READERS -> r = 0; break
		:: else -> r = 0
		fi;
		if
		:: inentry[at % DEPTH] != NOSLOT && !KEPT(inentry[at % DEPTH]) ->
			store(PUB, WORD(at), ringword(at, WITHDRAWN));       /* step takeback.word */
			d_step {                                             /* step takeback.retire */
#if BROKEN == volatile_freed_at_once
				place[inentry[at % DEPTH]] = free;
#else
				place[inentry[at % DEPTH]] = retired;
#endif
				inentry[at % DEPTH] = NOSLOT
			}
		:: else
		fi;
		at++
	:: at >= seq || !watched[0] -> break
	od;
	at = 0
}
#endif

/* Takes back the oldest samples until a slot is free, none that is held or that a lossless reader has still to take. */
inline takeback() {
	fence(PUB);
	lookatmarks();
	at = (seq < DEPTH -> 1 : seq + 1 - DEPTH);
	do
	:: at <= seq && slot == NOSLOT && (inentry[at % DEPTH] == NOSLOT || KEPT(inentry[at % DEPTH]) || (noted & (1 << inentry[at % DEPTH]))) -> at++
	:: at <= seq && slot == NOSLOT && inentry[at % DEPTH] != NOSLOT && !KEPT(inentry[at % DEPTH]) && !(noted & (1 << inentry[at % DEPTH])) ->
#if BROKEN != taken_back_untaken
		lookattaken(at);
		if
		:: r < READERS -> r = 0; awaittaken(at); again = true; break
		:: else -> r = 0
		fi;
#endif
		store(PUB, WORD(at), ringword(at, WITHDRAWN));           /* step takeback.word */
		d_step {                                                 /* step takeback.retire */
			place[inentry[at % DEPTH]] = retired;
			inentry[at % DEPTH] = NOSLOT
		}
		reclaim();
		pick();
		at++
	:: at > seq || slot != NOSLOT -> break
	od;
	at = 0
}

/* A free slot, else one that readers let go, else a new one, else that of an old sample, else none. */
inline findslot() {
	do
	:: again = false;
		pick();
		if
		:: slot == NOSLOT ->
#if VOLATILE
			takebacktaken();
#endif
			reclaim(); pick()
		:: else
		fi;
		if
		:: slot == NOSLOT && place[GROWN] == hole && !grown -> grown = true; grow()
#if SHRINKS
		:: slot == NOSLOT && place[GROWN] == hole && grown ->
			fence(PUB);                                          /* step shrink.reserve */
			place[GROWN] = filling;                              /* step shrink.slots */
			slot = GROWN
#endif
		:: slot == NOSLOT && place[GROWN] == hole -> skip        /* there is no room */
		:: slot != NOSLOT || place[GROWN] != hole -> skip
		fi;
		if
		:: slot == NOSLOT -> takeback()
		:: else
		fi;
		if
		:: again
		:: !again -> break
		fi
	od
}

inline admit() {
	r = 0;
	do
	:: r < READERS && asked[r] -> r++
	:: r < READERS && !asked[r] && seq > 1 -> break              /* later */
	:: r < READERS && !asked[r] ->
		asked[r] = true;
		missed[r] = (seq > DEPTH -> seq - DEPTH : 0);
#if BROKEN == admitted_unwatched
		store(PUB, ADMITTED(r), 1)
#else
		watched[r] = true;                                       /* step admit.watch */
		store(PUB, ADMITTED(r), 1)                               /* step admit.status */
#endif
	:: r < READERS && !asked[r] && LOSSLESS == 0 -> break        /* later */
	:: r == READERS -> break
	od;
	r = 0
}

/* Whether the slot of a sample that left the ring is still in use. */
#if KEYS && BROKEN != key_slot_retired
#define PINNED(s) ((s) == keyslot)
#else
#define PINNED(s) false
#endif

proctype publisher() {
	byte seq, tries, slot, at, r, k, s, v, used, noted;
	byte inentry[DEPTH];
#if KEYS
	byte keyseq, keyslot = NOSLOT;
#endif
	byte place[ALLSLOTS];
	bool asked[READERS], watched[READERS];
	bool grown, again, closing;
	d_step {
		do
		:: s < DEPTH -> inentry[s] = NOSLOT; s++
		:: else -> break
		od;
		s = 0;
		do
		:: s < SLOTS -> place[s] = free; s++
		:: else -> break
		od;
		s = 0
	}
	do
	:: tries < PUBLISHES ->
		tries++;
		admit();
#if BROKEN == marks_looked_at_early
		lookatmarks();
#endif
		findslot();
		if
		:: slot == NOSLOT -> skip                            /* the publish fails */
		:: slot != NOSLOT ->
#if BROKEN == key_before_word
			if
			:: (seq + 1) % 2 == 1 -> release(PUB, TABLE, ringword(seq + 1, slot))
			:: else
			fi;
#endif
#if BROKEN == word_before_payload
			atomic { release(PUB, WORD(seq + 1), ringword(seq + 1, slot)); published = seq + 1 };
#endif
			plain(PUB, PAYLOAD(slot), seq + 1);              /* step publish.copy */
#if BROKEN != publish_does_not_wait
			if
			:: seq + 1 > DEPTH -> awaittaken(seq + 1 - DEPTH) /* step publish.wait */
			:: else
			fi;
#endif
			plain(PUB, HEADER(slot), seq + 1);               /* step publish.header */
#if BROKEN == word_not_released
			atomic { plain(PUB, WORD(seq + 1), ringword(seq + 1, slot)); published = seq + 1 };
#elif BROKEN != word_before_payload
			atomic {
				release(PUB, WORD(seq + 1), ringword(seq + 1, slot)); /* step publish.word */
				published = seq + 1
			};
#endif
#if BROKEN == arena_after_word
			if
			:: slot == GROWN -> plain(PUB, ARENA, 1)
			:: else
			fi;
#endif
			d_step { /* step publish.retire */
				seq++;
				if
				:: inentry[seq % DEPTH] != NOSLOT && !PINNED(inentry[seq % DEPTH]) ->
#if BROKEN == freed_at_once
					place[inentry[seq % DEPTH]] = free
#else
					place[inentry[seq % DEPTH]] = retired
#endif
				:: else
				fi;
				place[slot] = inring;
				inentry[seq % DEPTH] = slot;
				slot = 0
			}
#if KEYS
			if
			:: seq % 2 == 1 -> setkey()
			:: else
			fi
#endif
		fi;
#if KEYS == 2
		if
		:: keyslot != NOSLOT && tries == 3 ->
			store(PUB, TABLE, 0);                                /* step key.dispose */
			d_step { leavetable(); keyslot = NOSLOT }
		:: else
		fi;
#endif
#if SHRINKS
		if
		:: grown && place[GROWN] == free -> shrink()
#if BROKEN == hole_under_retired
		:: grown && place[GROWN] == retired -> shrink()
#endif
		:: true
		fi
#endif
	:: else -> break
	od;
	tries = 0;
	closing = true;
	store(PUB, STATE, 1);                                    /* step close.state */
	/* When all readers are done or gone, one more look frees everything that is not in the ring. */
	do
	:: r < READERS && (done[r] || readergone[r]) && asked[r] -> r++
	:: r < READERS && !asked[r] -> r++
	:: r == READERS -> break
	od;
	r = 0;
#if BROKEN == marks_looked_at_early
	lookatmarks();
#endif
	reclaim();
	d_step {
		s = 0;
		do
		:: s < ALLSLOTS -> leaked = leaked || place[s] == retired || place[s] == filling; s++
		:: else -> break
		od
	}
	assert(!leaked);
	goto end;
dead:
	drained(PUB);
	publishergone = true;
end:
	skip
}

/* Whether the publisher never publishes again. */
#define ended (publishergone || memory[STATE] == 1)

inline passover(n) {
	d_step { lost = lost + n; lostsome = lostsome || (LOSSLESS == 1 && lost > missed[me]) }
	assert(!lostsome)
}

/* A mark that is not used. */
inline freemark() {
	d_step {
		k = 0;
		do
		:: k < MARKS && (heldseq[k] > 0 || batchword[k] > 0) -> k++
		:: else -> break
		od
	}
}

inline usemark() {
	if
	:: k >= high -> high = k + 1; store(me, USED(me), high)      /* step take.used */
	:: else
	fi
}

inline setmark() {
	store(me, MARK(me, k), slotof(w) + 1);                       /* step take.mark */
}

/* Loads the word again; what is named by it still is held from here on. */
inline checkmark(c, q) {
	d_step {                                                     /* step take.check */
		released(me) ->
		again = memory[c] != w;
		if
		:: !again -> heldseq[k] = q; heldslot[k] = slotof(w); held[slotof(w)]++
		:: else
		fi
	}
}

inline readheader() {
	if
	:: heldslot[k] == GROWN && !mapped ->
		d_step { released(me) -> unmapped = unmapped || memory[ARENA] == 0; mapped = true }
		assert(!unmapped)
	:: else
	fi;
	d_step { torn = torn || memory[HEADER(heldslot[k])] != heldseq[k] } /* step take.read */
	assert(!torn)
}

/* Claims the sample of sequence q, of which w is the word, loaded from c, and says in again whether it was another's meanwhile. */
inline claim(c, q) {
	again = false;
#if BROKEN != used_after_check && BROKEN != checked_before_marked
	usemark();
#endif
#if BROKEN == cursor_before_check
	release(me, CURSOR(me), cursor + 1);
#endif
#if BROKEN == checked_before_marked
	checkmark(c, q);
	usemark();
	if
	:: !again -> store(me, MARK(me, k), slotof(w) + 1)
	:: else
	fi;
#elif BROKEN == mark_not_checked
	store(me, MARK(me, k), slotof(w) + 1);
	d_step { again = false; heldseq[k] = q; heldslot[k] = slotof(w); held[slotof(w)]++ }
#elif BROKEN == mark_not_fenced
	release(me, MARK(me, k), slotof(w) + 1);
	checkmark(c, q);
#else
	setmark();
	checkmark(c, q);
#endif
#if BROKEN == used_after_check
	usemark();
#endif
	if
	:: again ->
#if BROKEN != mark_forgotten
		store(me, MARK(me, k), 0)
#endif
	:: else -> readheader()
	fi
}

/* The key's newest sample, if it is among those that the reader skipped. */
inline takekey() {
	load(me, TABLE, w);                                          /* step key.scan */
	if
	:: seqof(w) >= from && seqof(w) < cursor ->
#if BROKEN == key_not_checked
		setmark();
		d_step { again = false; heldseq[k] = seqof(w); heldslot[k] = slotof(w); held[slotof(w)]++ }
		readheader();
#else
		claim(TABLE, seqof(w));
#endif
		if
		:: again -> passover(cursor - from)
		:: !again -> passover(cursor - from - 1); d_step { received++; keyseen = seqof(w) }
		fi
	:: else -> passover(cursor - from)
	fi;
	from = 0
}

/* What Receive does: one sample. */
inline takeone() {
	load(me, WORD(cursor), w);                                   /* step take.load */
	if
	:: seqof(w) < cursor && (sawend || BROKEN == end_without_last_look && ended) -> over = true
	:: seqof(w) < cursor && !sawend -> d_step { released(me) -> sawend = ended }
	:: seqof(w) > cursor ->
		/* Head is a hint: it may say anything between the word and what is published. */
		v = seqof(w);
		do
		:: v < published -> v++
		:: break
		od;
#if KEYS
		from = cursor;
#else
		passover(v + 1 - DEPTH - cursor);
#endif
		cursor = v + 1 - DEPTH;
		v = 0;
		store(me, CURSOR(me), cursor)                            /* step skip.cursor */
#if KEYS
		;
		takekey()
#endif
	:: seqof(w) == cursor && slotof(w) == WITHDRAWN ->
		passover(1);
		cursor++;
		release(me, CURSOR(me), cursor)                          /* step skip.cursor */
	:: seqof(w) == cursor && slotof(w) != WITHDRAWN ->
		claim(WORD(cursor), cursor);
		if
		:: again
		:: !again ->
			d_step { received++; if :: KEYS && cursor % 2 == 1 -> keyseen = cursor :: else fi; cursor++ }
			release(me, CURSOR(me), cursor)                      /* step take.cursor */
		fi
	fi;
	d_step { w = 0; k = 0; again = false }
}

#if BATCH
/* What ReceiveBatch does: marks for all that are there, one fence, then the checks. */
inline takerun() {
	n = 0;
	do
	:: freemark();
		if
		:: k == MARKS -> break
		:: else
		fi;
		load(me, WORD(cursor + n), w);
		if
		:: seqof(w) != cursor + n || slotof(w) == WITHDRAWN -> break
		:: else
		fi;
		usemark();
		batchword[k] = w;
		order[n] = k;
		release(me, MARK(me, k), slotof(w) + 1);
		n++
	od;
#if BROKEN != mark_not_fenced
	fence(me);
#endif
	got = 0;
	do
	:: got < n ->
		k = order[got];
		w = batchword[k];
		checkmark(WORD(cursor), cursor);
		if
		:: again -> break
		:: else -> readheader(); batchword[k] = 0; received++; cursor++; got++
		fi
	:: else -> break
	od;
	if
	:: got > 0 -> store(me, CURSOR(me), cursor)
	:: else
	fi;
	do
	:: got < n -> k = order[got]; batchword[k] = 0; release(me, MARK(me, k), 0); got++
	:: else -> break
	od;
	w = 0;
	d_step { w = 0; k = 0; again = false; n = 0; got = 0; order[0] = 0; order[1] = 0 }
}
#endif

inline letgo(m) {
#if BROKEN == read_after_release
	atomic { release(me, MARK(me, m), 0); held[heldslot[m]]-- };
	look(m);
	atomic { heldseq[m] = 0; heldslot[m] = 0 }
#else
	atomic {
		release(me, MARK(me, m), 0);                             /* step take.release */
		held[heldslot[m]]--;
		heldseq[m] = 0;
		heldslot[m] = 0
	}
#endif
}

/* Whether what a mark holds is not what it was taken for. */
#define overwritten(m) (heldseq[m] > 0 && \
	(memory[PAYLOAD(heldslot[m])] != heldseq[m] || memory[HEADER(heldslot[m])] != heldseq[m]))

inline look(m) { d_step { torn = torn || overwritten(m) } assert(!torn) }

proctype reader(byte me) {
	byte cursor, w, v, k, high, lost, received, keyseen;
#if KEYS
	byte from;
#endif
	byte heldseq[MARKS], heldslot[MARKS];
	byte batchword[MARKS];
#if BATCH
	byte order[MARKS], n, got;
#endif
	bool over, sawend, mapped, again;
	atomic { memory[ADMITTED(me)] == 1 || ended -> cursor = 1 };
	store(me, CURSOR(me), 1);                                /* step admit.begin */
	do
	:: !over ->
		freemark();
		if
		:: k < MARKS -> takeone()
#if BATCH
		:: k < MARKS -> takerun()
#endif
#if LATEST
		:: k < MARKS && cursor > 1 ->
			load(me, WORD(cursor - 1), w);
			if
			:: seqof(w) == cursor - 1 && slotof(w) != WITHDRAWN -> claim(WORD(cursor - 1), cursor - 1)
			:: else
			fi;
			d_step { w = 0; k = 0; again = false }
#endif
		:: k == MARKS -> k = 0
		fi
	:: overwritten(0) || overwritten(MARKS - 1) -> torn = true; assert(!torn)      /* at any time while it is held */
	:: heldseq[0] > 0 -> letgo(0)
	:: heldseq[MARKS - 1] > 0 -> letgo(MARKS - 1)
	:: over && heldseq[0] == 0 && heldseq[MARKS - 1] == 0 -> miscounted = received + lost != published; break
	od;
	assert(!miscounted);
	missedkey = KEYS == 1 && published > 0 && keyseen != published - 1 + published % 2;
	assert(!missedkey);
	drained(me);
	done[me] = true;
	goto end;
dead:
	k = 0;
	d_step {
		do
		:: k < MARKS ->
			if
			:: heldseq[k] > 0 -> held[heldslot[k]]--; heldseq[k] = 0
			:: else
			fi;
			heldslot[k] = 0;
			batchword[k] = 0;
			k++
		:: else -> break
		od;
		k = 0; w = 0; v = 0; cursor = 0; lost = 0; received = 0; high = 0; keyseen = 0;
		over = false; sawend = false; mapped = false; again = false
	}
	drained(me);
	readergone[me] = true;
end:
	skip
}

init {
	byte i;
	atomic {
#if MEMORY != sc
		i = 0;
		do
		:: i < WRITERS -> run processor(i); i++
		:: else -> break
		od;
#endif
		run publisher();
		i = 0;
		do
		:: i < READERS -> run reader(i); i++
		:: else -> break
		od;
		i = 0
	}
}
