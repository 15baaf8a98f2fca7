/*
 * A reader that sleeps until one of PUBLISHERS publishers has something for it: bells, arm, look, wait, and the publishers'
 * look at the armed words.
 *
 * A sleep has no timeout here, so a wake-up that is lost is a reader that sleeps for ever, which spin reports as an invalid
 * end state. Every publisher admits the reader, publishes PUBLISHES samples, one by one or as a batch, and then closes or does
 * nothing any more. The ring is a count of samples. "step" in a comment names the step of docs/protocol.md that the line is.
 */
#define fence_left_out           1
#define armed_after_look         2
#define bells_after_look         3
#define armed_read_first         4
#define number_not_new           5
#define woken_without_bell       6
#define arm_not_fenced           7
#define acquire_passes_release   8
#define admitted_silently        9
#define closed_silently         10
#define death_not_told          11
#define batch_not_told          12
#define bell_after_wake         13

#ifndef BROKEN
#define BROKEN 0
#endif
#ifndef PUBLISHERS
#define PUBLISHERS 2
#endif
#ifndef PUBLISHES
#define PUBLISHES 2
#endif
#ifndef PUBLISHERDIES
#define PUBLISHERDIES 0
#endif
#ifndef SPURIOUS
#define SPURIOUS 1               /* sleeps that end for no reason */
#endif
#ifndef QUEUE
#define QUEUE 4
#endif

#define WORD(p)  ((p) * 5)
#define BELL(p)  ((p) * 5 + 1)
#define STATE(p) ((p) * 5 + 2)
#define ADMIT(p) ((p) * 5 + 3)   /* the admission generation */
#define ARMED(p) ((p) * 5 + 4)   /* the reader's */
#define CELLS    (PUBLISHERS * 5)

#define WRITERS (PUBLISHERS + 1)
#define READER  PUBLISHERS

#if PUBLISHERDIES
#define MORTAL(p) ((p) == 0)
#endif

#include "memory.pml"

bool gone[PUBLISHERS];           /* the reader's process heard of the death */
bool asleepon[PUBLISHERS];       /* whether a reader sleeps on a bell, as the kernel has it */
bool asleep;
byte calls;                      /* changes when the reader's process calls the sleeper: Reader.Wake */

/* FUTEX_WAKE on a bell, in which the kernel has a full fence. */
#define wake(p) \
	d_step { \
		drained(p) -> \
		if \
		:: asleepon[p] -> asleep = false \
		:: else \
		fi \
	}

#if BROKEN == bell_after_wake
#define ring(p) wake(p) add(p, BELL(p))
#elif BROKEN == woken_without_bell
#define ring(p) wake(p)
#else
#define ring(p) add(p, BELL(p)) wake(p)
#endif

inline lookforsleepers() {
#if BROKEN != fence_left_out
	fence(me);
#endif
#if BROKEN != armed_read_first
	load(me, ARMED(me), a);                                      /* step publish.armed */
#endif
	if
	:: a != woken && a != 0 -> woken = a; ring(me) /* step publish.bell */ /* step publish.wake */
	:: a != woken && a == 0 -> woken = 0
	:: else
	fi;
	a = 0
}

proctype publisher(byte me) {
	byte n, a, woken;
	bool owed;
	store(me, ADMIT(me), 1);                                     /* step admit.generation */
#if BROKEN != admitted_silently
	ring(me);                                                    /* step admit.bell */
#endif
	do
	:: n < PUBLISHES ->
		n++;
#if BROKEN == armed_read_first
		load(me, ARMED(me), a);
#endif
		release(me, WORD(me), n);                                /* step publish.word */
		if
		:: lookforsleepers(); owed = false
		:: owed = true                                           /* the batch goes on */
		fi
	:: break                                                     /* it closes before, or is done */
	od;
#if BROKEN != batch_not_told
	if
	:: owed -> lookforsleepers()
	:: else
	fi;
#endif
	if
	:: n == PUBLISHES                                            /* it does nothing any more */
	:: store(me, STATE(me), 1);                                  /* step close.state */
#if BROKEN != closed_silently
		ring(me)                                                 /* step close.bell */
#endif
	fi;
	goto end;
dead:
	drained(me);
	/* The kernel tells the reader's process, which calls its sleeper. */
#if BROKEN == death_not_told
	gone[me] = true;
#else
	d_step { gone[me] = true; calls++; asleep = false };
#endif
end:
	skip
}

#define ended(p) (gone[p] || memory[STATE(p)] == 1)

inline loadbells() {
	i = 0;
	do
	:: i < PUBLISHERS -> load(READER, BELL(i), bell[i]); i++     /* step sleep.bells */
	:: else -> break
	od;
	i = 0
}

inline arm(number) {
	i = 0;
	do
	:: i < PUBLISHERS ->
#if BROKEN == arm_not_fenced
		release(READER, ARMED(i), number);
#else
		store(READER, ARMED(i), number);                         /* step sleep.arm */
#endif
		i++
	:: else -> break
	od;
	i = 0
}

/* Whether a link has something: ready. Links that ended and were read are left out. */
inline lookatlinks() {
	i = 0;
	do
	:: i < PUBLISHERS ->
		if
		:: over[i] -> skip
		:: !over[i] && !admitted[i] -> d_step { released(READER) -> ready = ready || memory[ADMIT(i)] == 1 }
		:: !over[i] && admitted[i] -> d_step { released(READER) -> ready = ready || memory[WORD(i)] >= cursor[i] } /* step sleep.look */
		fi;
		if
		:: !over[i] -> d_step { released(READER) -> ready = ready || ended(i) } /* step sleep.look */
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0
}

inline sleep() {
	seen = calls;
	if
	:: BROKEN != number_not_new || epoch == 0 -> epoch++
	:: else
	fi;
#if BROKEN != bells_after_look
	loadbells();
#endif
#if BROKEN != armed_after_look
	arm(epoch);
#endif
	lookatlinks();
#if BROKEN == armed_after_look
	arm(epoch);
#endif
#if BROKEN == bells_after_look
	loadbells();
#endif
	if
	:: !ready ->
		/* The kernel compares and sleeps in one step, with all bells of the links. */
		d_step {                                                 /* step sleep.wait */
			asleep = calls == seen;
			do
			:: i < PUBLISHERS ->
				asleepon[i] = !over[i];
				if
				:: !over[i] && memory[BELL(i)] != bell[i] -> asleep = false
				:: else
				fi;
				i++
			:: else -> break
			od;
			i = 0
		}
		if
		:: !asleep
		:: spurious > 0 && asleep -> spurious--; asleep = false
		fi;
		d_step { asleepon[0] = false; asleepon[PUBLISHERS - 1] = false }
	:: else
	fi;
	d_step { ready = false; seen = 0; bell[0] = 0; bell[PUBLISHERS - 1] = 0 }
	i = 0;
	do
	:: i < PUBLISHERS -> store(READER, ARMED(i), 0); i++         /* step sleep.disarm */
	:: else -> break
	od;
	i = 0
}

/* One sample, or the end, of a link; found says that there was something. */
inline take(p) {
	if
	:: over[p] -> skip
	:: !over[p] ->
		d_step { released(READER) -> sawend = ended(p) };
		d_step { released(READER) -> admitted[p] = admitted[p] || memory[ADMIT(p)] == 1 || sawend };
		if
		:: admitted[p] ->
			load(READER, WORD(p), w);                            /* step take.load */
			if
			:: w >= cursor[p] -> cursor[p]++; found = true; over[p] = cursor[p] > PUBLISHES
			:: w < cursor[p] && (sawend || cursor[p] > PUBLISHES) -> over[p] = true; found = true
			:: else
			fi
		:: else
		fi;
		w = 0;
		sawend = false
	fi
}

proctype reader() {
	byte cursor[PUBLISHERS], bell[PUBLISHERS];
	bool admitted[PUBLISHERS], over[PUBLISHERS];
	byte i, w, seen, epoch, spurious;
	bool ready, found, sawend;
	d_step { cursor[0] = 1; cursor[PUBLISHERS - 1] = 1; spurious = SPURIOUS }
	do
	:: over[0] && over[PUBLISHERS - 1] -> break
	:: else ->
		found = false;
		take(0);
#if PUBLISHERS > 1
		take(1);
#endif
		if
		:: !found -> sleep()
		:: found -> found = false
		fi
	od;
dead:
	skip
}

init {
	byte i;
	atomic {
#if MEMORY != sc
		do
		:: i < WRITERS -> run processor(i); i++
		:: else -> break
		od;
		i = 0;
#endif
		do
		:: i < PUBLISHERS -> run publisher(i); i++
		:: else -> break
		od;
		i = 0;
		run reader()
	}
}
