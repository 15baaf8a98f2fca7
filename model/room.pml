/*
 * A lossless publisher that sleeps until its reader made room, and a reader that may sleep meanwhile until there is a sample.
 *
 * No sleep has a timeout, but for the publisher's nap where NAP is 1. A process that sleeps forever is an invalid end state. Where
 * PAUSES is 1 the reader may do something else for ever at any time: then the publisher may wait for it for ever, but only if
 * it has not made room. Where RESTS is 1 a reader without a sample may rest instead of sleeping: its publisher wakes it only where it waits, and
 * once nothing is published any more its timer does. The ring is a count of samples. "step" in a comment names the step of docs/protocol.md that the line is.
 */
#define nap_left_out             1
#define no_look_before_sleep     2
#define batch_waits_untold       3
#define armed_after_look         4
#define armed_too_far            5
#define disconnects_silently     6
#define death_not_told           7
#define wake_not_fenced          8
#define acquire_passes_release   9
#define rest_not_ended          10

#ifndef BROKEN
#define BROKEN 0
#endif
#ifndef DEPTH
#define DEPTH 2
#endif
#ifndef PUBLISHES
#define PUBLISHES 5
#endif
#ifndef NAP
#define NAP 0
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef DISCONNECTS
#define DISCONNECTS 0
#endif
#ifndef READERDIES
#define READERDIES 0
#endif
#ifndef RESTS
#define RESTS 0                   /* whether the reader may rest */
#endif
#ifndef QUEUE
#define QUEUE 4
#endif

#define WORD       0
#define BELL       1
#define WAKECURSOR 2
#define CURSOR     3             /* the reader's from here on */
#define ARMED      4
#define CELLS      5
#define beyond     255           /* a cursor that gave the ring up */
#define resting    254           /* an armed word with a sequence ahead */

#define WRITERS 2
#define PUB 0
#define READER 1

#if READERDIES
#define MORTAL(p) ((p) == READER)
#endif

#include "memory.pml"

bool publishersleeps, readersleeps; /* as the kernel has it */
bool readergone;                    /* the publisher heard of the death, and removed the reader */
bool pauses;                        /* the reader's application does something else */
bool overwritten;
#if RESTS
bool finished;                      /* the publisher has published everything */
#endif

/*
 * FUTEX_WAKE. The kernel has a full fence in it, between what its caller stored and the look at the sleepers, so a process that is about to
 * sleep and is not seen compares a value that is stored. A reader wakes once for each wake cursor, and rests on that.
 */
#if BROKEN == wake_not_fenced
#define wake(p, sleeping) sleeping = false
#else
#define wake(p, sleeping) d_step { drained(p) -> sleeping = false }
#endif

/* publish.armed, publish.bell and publish.wake */
inline lookforsleepers() {
	fence(PUB);
	load(PUB, ARMED, a);
	if
	:: a != woken && a != 0 && a != resting ->
		woken = a;
		add(PUB, BELL);
		wake(PUB, readersleeps)
	:: a != woken && a == 0 -> woken = 0
	:: else
	fi;
	a = 0
}

inline awaittaken(target) {
	do
	:: load(PUB, CURSOR, next);
		if
		:: next > target || readergone -> break
		:: else
		fi;
#if BROKEN != batch_waits_untold
		if
		:: owed -> owed = false; lookforsleepers()
		:: else
		fi;
#endif
#if BROKEN == armed_too_far
		store(PUB, WAKECURSOR, seq + 2);
#elif BROKEN != armed_after_look
		store(PUB, WAKECURSOR, target + 1 + (seq - target) / 2); /* step backpressure.arm */
#endif
#if RESTS && BROKEN != rest_not_ended
		load(PUB, ARMED, a);                                     /* step backpressure.look */
		if
		:: a == resting -> wake(PUB, readersleeps)
		:: else
		fi;
		a = 0;
#endif
		load(PUB, CURSOR, seen);                                 /* step backpressure.look */
		load(PUB, CURSOR, next);                                 /* step backpressure.look */
#if BROKEN == armed_after_look
		store(PUB, WAKECURSOR, target + 1 + (seq - target) / 2);
		seen = memory[CURSOR];
#endif
		if
		:: next <= target ->
			/* The kernel compares and sleeps in one step; the process that removes the reader wakes us. */
			d_step { publishersleeps = memory[CURSOR] == seen && !readergone }; /* step backpressure.wait */
			if
			:: !publishersleeps
#if NAP && BROKEN != nap_left_out
			:: publishersleeps && memory[CURSOR] > target -> publishersleeps = false /* the nap was over */
#endif
#if RESTS
			:: publishersleeps && readersleeps && !napped -> napped = true; publishersleeps = false
#endif
			:: publishersleeps && pauses && drained(READER) && memory[CURSOR] <= target -> goto end
			fi
		:: else
		fi;
		store(PUB, WAKECURSOR, 0)                                /* step backpressure.end */
	od;
#if RESTS
	napped = false;
#endif
	next = 0;
	seen = 0
}

proctype publisher() {
	byte seq, next, seen, a, woken;
	bool owed;
#if RESTS
	bool napped;                     /* a nap was over: the reader may not have been asleep when it was woken */
#endif
	do
	:: seq < PUBLISHES ->
		if
		:: seq >= DEPTH -> awaittaken(seq + 1 - DEPTH)           /* step publish.wait */
		:: else
		fi;
		seq++;
		release(PUB, WORD, seq);                                 /* step publish.word */
		overwritten = overwritten || !readergone && seq > DEPTH && memory[CURSOR] + DEPTH <= seq;
		assert(!overwritten);
		if
		:: lookforsleepers(); owed = false
		:: owed = true                                           /* the batch goes on */
		fi
	:: else -> break
	od;
	if
	:: owed -> lookforsleepers()
	:: else
	fi;
#if RESTS
	finished = true;
#endif
dead:
end:
	skip
}

inline wakepublisher() {
	load(READER, WAKECURSOR, at);
	if
	:: at != 0 && cursor >= at && at != answered ->
		answered = at;
		wake(READER, publishersleeps)                            /* step take.wake */
	:: else
	fi;
	at = 0
}

inline sleep() {
	epoch++;
	load(READER, BELL, bell);
#if RESTS
	if
	:: store(READER, ARMED, epoch)
	:: rests = true; store(READER, ARMED, resting)
	fi;
#else
	store(READER, ARMED, epoch);
#endif
#if BROKEN != no_look_before_sleep
	wakepublisher();
#endif
	load(READER, WORD, w);
	if
#if RESTS
	:: w < cursor && rests ->
		readersleeps = true;
		!readersleeps || finished;
		readersleeps = false
	:: w < cursor && !rests ->
#else
	:: w < cursor ->
#endif
		d_step { readersleeps = memory[BELL] == bell };
		!readersleeps
	:: else
	fi;
#if RESTS
	rests = false;
#endif
	store(READER, ARMED, 0);
	w = 0;
	bell = 0
}

proctype reader() {
	byte cursor = 1, w, at, answered, epoch, bell;
#if RESTS
	bool rests;
#endif
	store(READER, CURSOR, 1);
	do
	:: cursor > PUBLISHES -> goto end
#if PAUSES
	:: cursor <= PUBLISHES -> pauses = true; goto end
#endif
#if DISCONNECTS
	:: cursor <= PUBLISHES ->
		store(READER, CURSOR, beyond);                           /* step disconnect.cursor */
#if BROKEN != disconnects_silently
		load(READER, WAKECURSOR, at);
		if
		:: at != 0 -> wake(READER, publishersleeps)              /* step disconnect.wake */
		:: else
		fi;
#endif
		goto end
#endif
	:: cursor <= PUBLISHES ->
		load(READER, WORD, w);                                   /* step take.load */
		if
		:: w >= cursor ->
			cursor++;
			release(READER, CURSOR, cursor);                     /* step take.cursor */
			wakepublisher()
		:: else -> sleep()
		fi;
		w = 0
	od;
dead:
	drained(READER);
#if BROKEN == death_not_told
	readergone = true;
#else
	d_step { readergone = true; publishersleeps = false };
#endif
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
