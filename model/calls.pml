/*
 * A client, a server with one handler at a time, and the calls between them.
 *
 * Requests, responses and control messages are samples: other models show that they arrive complete, in order and once, also after the
 * publisher's death. So a ring here is a count or an array that survives its writer. The client makes CALLS calls, one after the other in
 * the same slot. It may stop waiting for one (its ctx ends); then it says that the call is cancelled, and the slot stays in use until the
 * last response. A handler ends by itself or waits until it is cancelled. The server may close. With SERVERDIES or CLIENTDIES that process
 * may die before each step.
 *
 * "step" in a comment names the step of docs/protocol.md that the line is.
 */
#define cursor_after_handler     1
#define taken_before_death       2
#define number_not_checked       3
#define slot_free_at_cancel      4                /* nothing goes wrong as long as numbers are checked */
#define death_before_responses   5
#define cancel_not_kept          6
#define closed_before_handlers   7
#define client_death_not_told    8
#define welcome_before_ready     9

#ifndef BROKEN
#define BROKEN 0
#endif
#ifndef CALLS
#define CALLS 2
#endif
#ifndef SERVERDIES
#define SERVERDIES 0
#endif
#ifndef CLIENTDIES
#define CLIENTDIES 0
#endif
#ifndef CLOSES
#define CLOSES 0
#endif

byte requests;                   /* published by the client */
byte taken;                      /* the server's cursor, which the client can load */
byte cancelled;                  /* the newest call of the slot that the client does not want any more */
bool hello, welcome, ready;
byte responses;                  /* published by the server */
byte response[CALLS + 1];        /* their numbers, from 1 */
bool closing;                    /* the server takes no request any more */
bool handling;                   /* a handler runs, or its answer is due */
bool closed;                     /* the server says that it has answered all that it has taken */
bool started[CALLS + 2], answered[CALLS + 2];
bool serverdead, clientdead;     /* as the kernel tells the other process */

/* Faults. */
bool ranlater, wrongcall, lostanswer;

#if SERVERDIES
#define mortal_server :: true -> goto dead
#else
#define mortal_server
#endif
#if CLIENTDIES
#define mortal_client :: true -> goto dead
#else
#define mortal_client
#endif

#if BROKEN == cancel_not_kept
#define unwanted(n) (cancelled >= n && early != n)               /* a message that came before the request is forgotten */
#else
#define unwanted(n) (cancelled >= n)
#endif
#if BROKEN == client_death_not_told
#define clientgone false
#else
#define clientgone clientdead
#endif

/* The handler of call n, which ends by itself, or waits until it is cancelled. */
inline handle(n) {
	if
	:: unwanted(n) || clientgone                                 /* it does not start */
	:: else ->
		started[n] = true;                                       /* step serve.begin */
		if
		:: true
		:: true ->
			if
			:: unwanted(n) || clientgone || closing
			mortal_server
			fi
		mortal_server
		fi
	fi
}

/* Connecting to a client does not hold up the server. */
proctype acceptor() {
	hello || clientdead;
#if BROKEN == welcome_before_ready
	welcome = true;
#endif
	ready = true;                                                /* step connect.accept */
	welcome = true
}

#if CLOSES
proctype closer() {
	closing = true;
	!handling || BROKEN == closed_before_handlers || serverdead;
	if
	:: !serverdead -> closed = true                              /* step serve.closed */
	:: serverdead
	fi
}
#endif

proctype server() {
	byte n, early;
	do
	:: atomic { requests > taken && !closing -> handling = true };
		n = taken + 1;
		if
		:: cancelled >= n -> early = n                           /* the message came before the request */
		:: else
		fi;
#if BROKEN != cursor_after_handler
		if
		:: true -> taken = n                                     /* step serve.take */
		mortal_server
		fi;
#endif
		handle(n);
		if
		:: true                                                  /* step serve.end */
		mortal_server
		fi;
		if
		:: ready -> d_step { responses++; response[responses] = n; answered[n] = true } /* step serve.response */
		:: !ready -> skip                                        /* there is no ring yet */
		fi;
#if BROKEN == cursor_after_handler
		taken = n;
#endif
		if
		:: true -> handling = false
		mortal_server
		fi
	:: closing && !handling -> break
	:: clientdead ->
		skip;                                                    /* step serve.forget */
		break
	:: requests == CALLS && taken == CALLS -> break
	mortal_server
	od;
#if SERVERDIES
	goto end;
dead:
	serverdead = true;
end:
#endif
	skip
}

/* What the client finds in the ring of responses before it looks for the end. */
inline takeresponse() {
	next++;                                                      /* step call.take */
	if
	:: response[next] == number || BROKEN == number_not_checked ->
		wrongcall = response[next] != number;
		assert(!wrongcall);
		inuse = 0; waiting = false; number = 0
	:: response[next] != number && response[next] == inuse -> inuse = 0 /* of a call that the client has cancelled */
	:: else
	fi
}

proctype client() {
	byte number, next, inuse, calls, seen;
	bool waiting, gone;
	hello = true;                                                /* step connect.hello */
	if
	:: welcome
	:: serverdead -> goto end
	mortal_client
	fi;
	do
	:: !waiting && inuse == 0 && calls < CALLS && !gone ->
		calls++;
		d_step { number = calls; inuse = number; waiting = true };
		requests++;                                              /* step call.request */
#if BROKEN == taken_before_death
		seen = taken
#endif
	:: responses > next -> takeresponse()
	:: waiting ->                                                /* ctx ends */
		cancelled = number;                                      /* step call.control */
#if BROKEN == slot_free_at_cancel || BROKEN == number_not_checked
		inuse = 0;
#endif
		waiting = false;
		number = 0
	:: (serverdead || closed) && inuse != 0 && (responses == next || BROKEN == death_before_responses) && !gone ->
		gone = true;
#if BROKEN != taken_before_death
		seen = taken;
#endif
		lostanswer = waiting && answered[number] && responses > next;
		assert(!lostanswer);
		/* The result is that the handler did not start and will not, or that the outcome is unknown. */
		ranlater = waiting && (seen < number || closed && !serverdead) && started[number];
		assert(!ranlater);
		inuse = 0;
		waiting = false;
		number = 0
	:: (serverdead || closed) && inuse == 0 -> break
	:: calls == CALLS && inuse == 0 -> break
	mortal_client
	od;
	goto end;
dead:
	clientdead = true;
end:
	skip
}

init {
	atomic {
		run acceptor();
#if CLOSES
		run closer();
#endif
		run server();
		run client()
	}
}
