/*
 * Small samples: in the ring's entries, guard first, word last, and copied out without a mark.
 *
 * One publisher, one reader that asks for all there ever was. Any sample may be a large one: of these an entry has only the
 * word, and guard and payload stay those of an earlier small one. "step" in a comment names the step of docs/protocol.md that
 * the line is.
 */
#define guard_after_payload      1
#define guard_after_word         2
#define guard_not_checked        3
#define guard_checked_first      4
#define word_before_payload      5
#define payload_not_released     6
#define loads_not_ordered        7
#define publish_does_not_wait    8
#define waits_after_guard        9
#define lost_not_counted        10
#define cursor_before_copy      11

#ifndef BROKEN
#define BROKEN 0
#endif
#ifndef DEPTH
#define DEPTH 2
#endif
#ifndef PUBLISHES
#define PUBLISHES 5
#endif
#ifndef LOSSLESS
#define LOSSLESS 0
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

#define WORD(q)   (((q) % DEPTH) * 5)
#define SECOND(q) (WORD(q) + 1)
#define GUARD(q)  (WORD(q) + 2)
#define STAMP(q)  (WORD(q) + 3)
#define FIRST(q)  (WORD(q) + 4)
#define STATE    (DEPTH * 5)
#define CURSOR   (DEPTH * 5 + 1)
#define CELLS    (DEPTH * 5 + 2)

#define WRITERS 2
#define PUB 0
#define READER 1

#if READERDIES || PUBLISHERDIES
#define MORTAL(p) ((p) == PUB && PUBLISHERDIES || (p) == READER && READERDIES)
#endif

#include "memory.pml"

#define ringword(q, large) ((q) * 2 + (large))
#define seqof(w)           ((w) / 2)
#define islarge(w)         ((w) % 2)

bool publishergone, readergone; /* what the kernel knows */

/* What only the properties need. */
byte published;
bool torn, lostsome, miscounted;

#if BROKEN == payload_not_released
#define fill(c, v) plain(PUB, c, v)
#else
#define fill(c, v) release(PUB, c, v)
#endif

inline awaitroom() {
#if LOSSLESS && BROKEN != publish_does_not_wait
	if
	:: seq <= DEPTH
	:: else -> memory[CURSOR] > seq - DEPTH && released(PUB) || readergone /* step small.wait */
	fi
#else
	skip
#endif
}

proctype publisher() {
	byte seq;
	bool large;
	do
	:: published < PUBLISHES ->
		seq = published + 1;
		if
		:: large = false
		:: large = true
		fi;
#if BROKEN != waits_after_guard
		awaitroom();
#endif
		if
		:: !large ->
#if BROKEN == word_before_payload
			atomic { release(PUB, WORD(seq), ringword(seq, large)); published = seq };
#endif
#if BROKEN != guard_after_payload && BROKEN != guard_after_word
			release(PUB, GUARD(seq), seq);                       /* step small.guard */
#endif
#if BROKEN == waits_after_guard
			awaitroom();
#endif
			fill(FIRST(seq), seq);                               /* step small.payload */
			fill(SECOND(seq), seq);                              /* step small.payload */
#if BROKEN == guard_after_payload
			release(PUB, GUARD(seq), seq);
#endif
			release(PUB, STAMP(seq), seq)                        /* step small.stamp */
		:: else
		fi;
#if BROKEN != word_before_payload
		atomic {
			release(PUB, WORD(seq), ringword(seq, large));       /* step small.word */
			published = seq
		};
#else
		if
		:: large -> atomic { release(PUB, WORD(seq), ringword(seq, large)); published = seq }
		:: else
		fi;
#endif
#if BROKEN == guard_after_word
		if
		:: !large -> release(PUB, GUARD(seq), seq)
		:: else
		fi;
#endif
		large = false
	:: else -> break
	od;
	store(PUB, STATE, 1);                                        /* step close.state */
	goto end;
dead:
	drained(PUB);
	publishergone = true;
end:
	skip
}

#define ended (publishergone || memory[STATE] == 1)

inline passover(n) {
#if BROKEN != lost_not_counted
	lost = lost + n;
#endif
	lostsome = LOSSLESS == 1;
	assert(!lostsome)
}

inline loadcopy() {
	load(READER, STAMP(cursor), stamp);                          /* step copy.read */
	load(READER, FIRST(cursor), first);                          /* step copy.read */
	load(READER, SECOND(cursor), second);                        /* step copy.read */
}

inline loadguard() {
	d_step { released(READER) -> good = memory[GUARD(cursor)] == cursor } /* step copy.check */
}

/* Copies what is in the entry of the cursor, and says in good whether the guard is the cursor's. */
inline copy() {
#if BROKEN == guard_checked_first
	load(READER, GUARD(cursor), v);
	good = v == cursor;
#endif
#if BROKEN == loads_not_ordered
	do
	:: !(have & 1) -> stamp = memory[STAMP(cursor)]; have = have | 1
	:: !(have & 2) -> first = memory[FIRST(cursor)]; have = have | 2
	:: !(have & 4) -> second = memory[SECOND(cursor)]; have = have | 4
	:: !(have & 8) -> good = memory[GUARD(cursor)] == cursor; have = have | 8
	:: have == 15 -> break
	od;
	have = 0;
#else
	loadcopy();
#endif
#if BROKEN == guard_not_checked
	good = true;
#elif BROKEN != guard_checked_first && BROKEN != loads_not_ordered
	loadguard();
#endif
	torn = good && (stamp != cursor || first != cursor || second != cursor);
	assert(!torn)
}

proctype reader() {
	byte cursor = 1, w, v, stamp, first, second, lost, received, have;
	bool sawend, good;
	store(READER, CURSOR, 1);
	do
	:: load(READER, WORD(cursor), w);                            /* step take.load */
		if
		:: seqof(w) < cursor && sawend -> break
		:: seqof(w) < cursor && !sawend -> d_step { released(READER) -> sawend = ended }
		:: seqof(w) > cursor ->
			/* Head is a hint: it may say anything between the word and what is published. */
			v = seqof(w);
			do
			:: v < published -> v++
			:: break
			od;
			passover(v + 1 - DEPTH - cursor);
			cursor = v + 1 - DEPTH;
			store(READER, CURSOR, cursor)                        /* step skip.cursor */
		:: seqof(w) == cursor && islarge(w) ->
			/* slots.pml has what it does here; the word must still be the same afterwards. */
			load(READER, WORD(cursor), v);
			if
			:: v == w -> received++; cursor++; release(READER, CURSOR, cursor)
			:: else
			fi
		:: seqof(w) == cursor && !islarge(w) ->
#if BROKEN == cursor_before_copy
			release(READER, CURSOR, cursor + 1);
#endif
			copy();
			if
			:: good -> received++
			:: !good -> passover(1)
			fi;
			cursor++;
			release(READER, CURSOR, cursor)                      /* step take.cursor */
		fi;
		d_step { w = 0; v = 0; stamp = 0; first = 0; second = 0; good = false }
	od;
	miscounted = received + lost != published;
	assert(!miscounted);
	goto end;
dead:
	drained(READER);
	readergone = true;
end:
	skip
}

init {
	atomic {
#if MEMORY != sc
		run processor(PUB);
		run processor(READER);
#endif
		run publisher();
		run reader()
	}
}
