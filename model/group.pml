/*
 * A consumer group of MEMBERS members and one sample, of a publisher that is there from the beginning or, with LATE, comes at any time.
 *
 * Accounts and announcements are samples: other models show that they arrive complete, and that the ring of a process that is gone is read to
 * its end by those that read it before. So an account here is a variable that survives its writer, and a member reads it only from when it
 * has connected to it, which it cannot do any more when the writer is gone. A process that is stopped is one that takes no steps. Member 0
 * is there from the beginning and has the sample when it is published; the others join, and find it in the ring, which is long enough. Members
 * are connected to the publisher as soon as both are there. Each may leave, and DEATHS of them may die before each step, as long as another
 * one has joined that was told by one that takes part: that one must have the sample.
 *
 * "step" in a comment names the step of docs/protocol.md that the line is.
 */
#define not_locked             1
#define not_read_after_lock    2
#define unlocked_first         3
#define not_noticed            4
#define noticed_first          5
#define not_noticed_again      6
#define lock_outlives          7
#define announced_first        8
#define not_told               9
#define told_by_any           10
#define unaccounted_left      11
#define begun_untold          12

#ifndef BROKEN
#define BROKEN 0
#endif
#ifndef MEMBERS
#define MEMBERS 3
#endif
#ifndef DEATHS
#define DEATHS 0
#endif
#ifndef RETURNS
#define RETURNS 0
#endif
#ifndef LATE
#define LATE 0
#endif

/* From where on a member receives from the publisher, or its account says that the group accounts. */
#define unknown 0
#define before  1                         /* the sample or an older one */
#define behind  2

#define at(i, j) ((i) * MEMBERS + (j))

byte locked;                              /* the sample's place: the number of the member in this list, + 1 */
bool present[MEMBERS];                    /* its place as a member is locked */
bool going[MEMBERS];                      /* it leaves or dies */
bool gone[MEMBERS];                       /* its accounts cannot be connected to any more */
byte number[MEMBERS];                     /* that it has announced */
byte noticed[MEMBERS * MEMBERS];          /* the number of the second that the first has announced as noticed */
bool reads[MEMBERS * MEMBERS];            /* the first has connected to the accounts of the second */
bool account[MEMBERS];                    /* its account says that the sample is acknowledged */
bool knows[MEMBERS];                      /* it knows, privately */
bool keeps[MEMBERS];                      /* it has the sample, and would deliver it */
bool joined[MEMBERS];
bool untold[MEMBERS];                     /* no member that takes part has told it what the group accounts for */
bool made, published;                     /* the publisher, the sample */
byte begins[MEMBERS];                     /* where it began to receive */
byte covers[MEMBERS];                     /* what its account says of that */
bool announced[MEMBERS];                  /* its announcement says that it has joined */
byte having;                              /* members with a delivery */
byte deaths, returns;
bool acknowledged;                        /* Ack has begun to be visible */

/* Faults. */
bool both, ackedbefore, undone;

/* It reads them in one step: at most one of them changes, once. */
#if MEMBERS == 3
#define anyaccount (reads[at(me, 0)] && account[0] || reads[at(me, 1)] && account[1] || reads[at(me, 2)] && account[2])
#else
#define anyaccount (reads[at(me, 0)] && account[0] || reads[at(me, 1)] && account[1])
#endif

inline readaccounts() {
	knows[me] = knows[me] || anyaccount
}

/* Another member has joined, so that this one may go. */
#define kept(i) (i != me && !going[i] && joined[i] && !untold[i])
#if MEMBERS == 3
#define others (kept(0) || kept(1) || kept(2))
#else
#define others (kept(0) || kept(1))
#endif
#define maygo (knows[me] || acknowledged || !joined[me] || published && !keeps[me] || others)

#if DEATHS
#define mortal :: atomic { deaths < DEATHS && maygo -> going[me] = true; deaths++ }; goto dead
#else
#define mortal
#endif

/* The member has connected to the accounts of another, or read them and announced that it has noticed that one. */
#define connectand(k) \
	:: k != me && number[k] > 0 && !gone[k] && !reads[at(me, k)] -> reads[at(me, k)] = true \
	:: k != me && number[k] > 0 && reads[at(me, k)] && noticed[at(me, k)] != number[k] -> notice(k)

inline cover() {
	covers[me] = (begins[me] == behind && BROKEN == begun_untold -> unknown : begins[me])
}

inline notice(k) {
#if BROKEN == noticed_first
	now = number[k];
	noticed[at(me, k)] = now;
	d_step { readaccounts(); account[me] = account[me] || knows[me]; cover(); now = 0 }
#else
	d_step { now = number[k]; readaccounts(); account[me] = account[me] || knows[me]; cover() };
	d_step { noticed[at(me, k)] = now; now = 0 }                 /* step group.notice */
#endif
}

/* A member that has joined has noticed this one under its present number. */
#define toldby(k, c) (k != me && noticed[at(k, me)] == number[me] && (announced[k] && covers[k] == c || BROKEN == told_by_any) && reads[at(me, k)])
#if MEMBERS == 3
#define told(c) (toldby(0, c) || toldby(1, c) || toldby(2, c))
#else
#define told(c) (toldby(0, c) || toldby(1, c))
#endif
/* A publisher that the accounts of members that told this one do not have came after these. */
#define fromring (told(before) || told(unknown) && !told(behind) && BROKEN != unaccounted_left)

/* A member that was present left before its accounts were read. */
#define missedone(k) (unread[k] && !reads[at(me, k)] && !present[k])
#define settledone(k) (k == me || (present[k] -> noticed[at(k, me)] == number[me] && noticed[at(me, k)] == number[k] : !missedone(k) || BROKEN == not_noticed_again))
#if MEMBERS == 3
#define missed (missedone(0) || missedone(1) || missedone(2))
#define settled (BROKEN == not_noticed || settledone(0) && settledone(1) && settledone(2))
#else
#define missed (missedone(0) || missedone(1))
#define settled (BROKEN == not_noticed || settledone(0) && settledone(1))
#endif

proctype member(byte me) {
	byte i;
	bool unread[MEMBERS];
	byte now;
	bool mine, istold;
	if
	:: me == 0
	:: else ->
introduce:
#if BROKEN == announced_first
		number[me]++;
#endif
		if
		:: true -> present[me] = true                            /* step group.enter */
		mortal
		fi;
		atomic {
			i = 0;
			do
			:: i < MEMBERS -> unread[i] = i != me && present[i]; i++
			:: else -> break
			od;
			i = 0
		};
#if BROKEN != announced_first
		if
		:: true -> number[me]++                                  /* step group.announce */
		mortal
		fi
#endif
	fi;
	do
	connectand(0)
	connectand(1)
#if MEMBERS == 3
	connectand(2)
#endif
	:: !joined[me] && settled ->
		d_step {
			untold[me] = !told(before) && !told(behind) && !told(unknown);
			istold = fromring || BROKEN == not_told || BROKEN == not_noticed;
			unread[0] = false;
			unread[1] = false;
			unread[MEMBERS - 1] = false
		};
		d_step {
			readaccounts();
			keeps[me] = published && !knows[me] && istold;       /* from the ring */
			begins[me] = (made -> (published && !istold -> behind : before) : unknown);
			istold = false;
			joined[me] = true
		};
		d_step { account[me] = account[me] || knows[me]; cover() };
		if
		:: true -> announced[me] = true                          /* step group.join */
		mortal
		fi
	:: !joined[me] && missed -> goto introduce
	:: joined[me] && keeps[me] && (locked == 0 || BROKEN == not_locked) ->
#if BROKEN == not_read_after_lock
		readaccounts();
#endif
		atomic {
			if
			:: locked == 0 || BROKEN == not_locked -> locked = me + 1; mine = true /* step group.lock */
			:: else -> goto next
			fi
		};
#if BROKEN != not_read_after_lock
		readaccounts();
#endif
		if
		:: knows[me] ->
			keeps[me] = false;
			goto unlock
		:: !knows[me]
		mortal
		fi;
		if
		:: atomic { true -> having++ }                           /* step group.claim */
		mortal
		fi;
		d_step {
			both = having > 1;
			ackedbefore = acknowledged;
			assert(!both);
			assert(!ackedbefore)
		};
		if
		:: true ->
#if BROKEN == unlocked_first
			locked = 0;
#endif
			d_step { having--; account[me] = true; acknowledged = true; knows[me] = true; keeps[me] = false } /* step group.acknowledge */
		:: returns < RETURNS -> d_step { returns++; having-- }   /* step group.return */
	:: atomic { deaths < DEATHS && others -> going[me] = true; deaths++; having-- }; goto dead
		fi;
unlock:
		if
		:: true
		mortal
		fi;
		d_step { mine = false; locked = (locked == me + 1 -> 0 : locked) } /* step group.unlock */
next:
		skip
	:: joined[me] && keeps[me] && acknowledged ->                /* it learns from accounts that it need not deliver the sample */
		readaccounts();
		keeps[me] = keeps[me] && !knows[me]
	:: atomic { joined[me] && maygo -> going[me] = true };
		account[me] = account[me] || knows[me];
		gone[me] = true;
		present[me] = false;
		break
	mortal
	od;
	goto end;
dead:
	skip;
	d_step {
		gone[me] = true;
		present[me] = false;
#if BROKEN == lock_outlives
		mine = false;
#endif
		locked = (mine -> 0 : locked)
	};
end:
	skip
}

/* It connects to the members that have joined. */
inline connectto(i) {
	begins[i] = (joined[i] -> before : begins[i])
}

inline publishto(i) {
	keeps[i] = keeps[i] || begins[i] == before
}

proctype publisher() {
	d_step {
		made = true;
		connectto(0);
		connectto(1);
		connectto(MEMBERS - 1)
	};
	d_step {
		published = true;
		publishto(0);
		publishto(1);
		publishto(MEMBERS - 1)
	}
}

init {
	byte n;
	atomic {
		number[0] = 1;
		present[0] = true;
		joined[0] = true;
		announced[0] = true;
#if LATE
		run publisher();
#else
		made = true;
		published = true;
		begins[0] = before;
		covers[0] = before;
		keeps[0] = true;
#endif
		do
		:: n < MEMBERS -> run member(n); n++
		:: else -> break
		od
	};
	_nr_pr == 1;
	undone = !acknowledged;
	assert(!undone)
}
