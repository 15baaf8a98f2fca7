/*
 * A reader that sleeps until one of PUBLISHERS publishers has something for it: bells, arm, look, wait, and the publishers'
 * look at the armed words.
 *
 * A sleep has no timeout here, so a wake-up that is lost is a reader that sleeps for ever, which spin reports as an invalid
 * end state. Every publisher admits the reader, publishes PUBLISHES samples, one by one or as a batch, and then closes or does
 * nothing any more. The ring is a count of samples. "step" in a comment names the step of docs/protocol.md that the line is.
 *
 * A reader that wakes looks only at links whose bell changed, and arms these with another number; the other links stay armed. A
 * bell rings in vain for a sample that the reader took before, and for an admission without a sample. With GROWS the link of the
 * last publisher comes at any time; a reader that sleeps arms it beside the others.
 *
 * An armed word is 0 while the reader is polling, 1 while it is awake and may arm at any time, and more while it is armed. A reader
 * that was polling issues a heavy fence between its next arm and its look: membarrier, a full fence of every processor.
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
#define not_armed_again         14
#define bell_after_armed_again  15
#define armed_again_after_look  16
#define grown_after_links       17
#define grown_silently          18
#define heavy_fence_left_out    19
#define heavy_fence_before_arm  20
#define polls_after_sleep       21
#define awake_not_fenced        22

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
#ifndef GROWS
#define GROWS 0
#endif
#ifndef POLLS
#define POLLS 0                  /* how often the reader begins to poll */
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

#if GROWS
byte links = PUBLISHERS - 1;     /* the reader's links; the last one comes later */
byte grown;                      /* changes after a link came */

proctype newlink() {
	links = PUBLISHERS;
#if BROKEN != grown_silently
	d_step { grown++; asleep = false }
#endif
}
#else
#define linked PUBLISHERS
#endif

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

#if BROKEN == awake_not_fenced
#define needsfence(a) (a > 1)
#else
#define needsfence(a) (a > 0)
#endif

inline lookforsleepers() {
#if BROKEN != armed_read_first
	load(me, ARMED(me), a);                                      /* step publish.polling */
#endif
	if
	:: needsfence(a) ->
#if BROKEN != fence_left_out
		fence(me);
#endif
#if BROKEN != armed_read_first
		load(me, ARMED(me), a);                                  /* step publish.armed */
#endif
		if
		:: a != woken && a > 1 -> woken = a; ring(me) /* step publish.bell */ /* step publish.wake */
		:: a != woken && a <= 1 -> woken = 0
		:: else
		fi
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
		:: PUBLISHES > 1 -> owed = true                          /* the batch goes on */
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

/* Loads the bells of the links from the given one on. */
inline loadbells(from) {
	i = from;
	do
	:: i < linked -> load(READER, BELL(i), bell[i]); i++         /* step sleep.bells */
	:: else -> break
	od;
	i = 0
}

/* Arms the links from the given one on. */
inline arm(from) {
	i = from;
	do
	:: i < linked ->
#if BROKEN == arm_not_fenced
		release(READER, ARMED(i), epoch);
#else
		store(READER, ARMED(i), epoch);                          /* step sleep.arm */
#endif
		i++
	:: else -> break
	od;
	i = 0
}

/* membarrier: every processor has a full fence after it begins and before it ends. */
inline heavyfence() {
	drained(READER);
	drained(0);
	drained(PUBLISHERS - 1)
}

/* Arms the links for a sleep. */
inline armall() {
#if POLLS && BROKEN == heavy_fence_before_arm
	if
	:: polls -> heavyfence()
	:: else
	fi;
#endif
	arm(0);
#if POLLS && BROKEN != heavy_fence_left_out && BROKEN != heavy_fence_before_arm
	if
	:: polls -> heavyfence()                                     /* step sleep.fence */
	:: else
	fi;
#endif
#if POLLS
	polls = false
#endif
}

/* Whether link i has something: ready. Links that ended and were read are left out. */
inline lookatlink() {
	if
	:: over[i] -> skip
	:: !over[i] && !admitted[i] -> d_step { released(READER) -> ready = ready || memory[ADMIT(i)] == 1 }
	:: !over[i] && admitted[i] -> d_step { released(READER) -> ready = ready || memory[WORD(i)] >= cursor[i] } /* step sleep.look */
	fi;
	if
	:: !over[i] -> d_step { released(READER) -> ready = ready || ended(i) } /* step sleep.look */
	:: else
	fi
}

inline lookatlinks() {
	i = 0;
	do
	:: i < linked -> lookatlink(); i++
	:: else -> break
	od;
	i = 0
}

/* An admission alone is no news for a reader that sleeps, except where nothing is published. */
inline lookagain() {
	d_step {
		released(READER) ->
		admitted[i] = admitted[i] || memory[ADMIT(i)] == 1 || ended(i);
		ready = ready || admitted[i] && cursor[i] > PUBLISHES
	}
	lookatlink()
}

inline newepoch() {
	if
	:: BROKEN != number_not_new || epoch == 1 -> epoch++
	:: else
	fi
}

/* Looks at the links whose bell changed. */
inline lookatrung() {
	i = 0;
	do
	:: i < linked ->
		d_step {                                                 /* step sleep.bells */
			released(READER) ->
			if
			:: !over[i] && memory[BELL(i)] != bell[i] -> rang = true; bell[i] = memory[BELL(i)]
			:: else
			fi
		}
		if
		:: rang ->
			rang = false;
#if BROKEN == armed_again_after_look
			lookagain();
#endif
#if BROKEN != not_armed_again
			if
			:: !fresh -> newepoch(); fresh = true
			:: fresh
			fi;
			store(READER, ARMED(i), epoch);                      /* step sleep.arm */
#endif
#if BROKEN != armed_again_after_look
			lookagain();
#endif
#if BROKEN == bell_after_armed_again
			load(READER, BELL(i), bell[i]);
#endif
		:: else
		fi;
		i++
	:: else -> break
	od;
	i = 0;
	fresh = false
}

#if GROWS
/* Arms links that came during the sleep. */
inline lookatnew() {
	if
	:: grown != seengrown ->
		seengrown = grown;
		known = linked;
		linked = links;
		loadbells(known);
		arm(known);
		i = known;
		do
		:: i < linked -> lookagain(); i++
		:: else -> break
		od;
		i = 0;
		known = 0
	:: else
	fi
}
#endif

inline sleep() {
	seen = calls;
#if GROWS && BROKEN == grown_after_links
	linked = links;
	seengrown = grown;
#elif GROWS
	seengrown = grown;
	linked = links;
#endif
	newepoch();
#if BROKEN != bells_after_look
	loadbells(0);
#endif
#if BROKEN != armed_after_look
	armall();
#endif
	lookatlinks();
#if BROKEN == armed_after_look
	armall();
#endif
#if BROKEN == bells_after_look
	loadbells(0);
#endif
	do
	:: !ready && calls == seen ->
		/* The kernel compares and sleeps in one step, with all bells of the links. */
		d_step {                                                 /* step sleep.wait */
			asleep = calls == seen;
#if GROWS
			asleep = asleep && grown == seengrown;
#endif
			do
			:: i < linked ->
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
		lookatrung();
#if GROWS
		lookatnew()
#endif
	:: else -> break
	od;
	ready = false;
	d_step { seen = 0; bell[0] = 0; bell[PUBLISHERS - 1] = 0 }
	i = 0;
	do
	:: i < linked ->
#if BROKEN == polls_after_sleep
		store(READER, ARMED(i), 0);
#else
		store(READER, ARMED(i), 1);                              /* step sleep.disarm */
#endif
		i++
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
	bool ready, found, sawend, rang, fresh;
#if POLLS
	bool polls;
	byte begins = POLLS;
#endif
#if GROWS
	byte linked, known, seengrown;
#endif
	d_step { cursor[0] = 1; cursor[PUBLISHERS - 1] = 1; spurious = SPURIOUS; epoch = 1 }
	do
	:: over[0] && over[PUBLISHERS - 1] -> break
#if POLLS
	:: begins > 0 && !polls && !(over[0] && over[PUBLISHERS - 1]) ->
		begins--;
		release(READER, ARMED(0), 0);                            /* step sleep.polling */
#if PUBLISHERS > 1
		release(READER, ARMED(PUBLISHERS - 1), 0);
#endif
		polls = true
#endif
	:: !(over[0] && over[PUBLISHERS - 1]) ->
		found = false;
#if GROWS
		linked = links;
		if
		:: linked > PUBLISHERS - 1 -> take(PUBLISHERS - 1)
		:: else
		fi;
		linked = 0;
#else
		take(PUBLISHERS - 1);
#endif
#if PUBLISHERS > 1
		take(0);
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
		memory[ARMED(0)] = 1;
		memory[ARMED(PUBLISHERS - 1)] = 1;
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
#if GROWS
		run newlink();
#endif
		run reader()
	}
}
