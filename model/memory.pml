/*
 * What the processes of a model share, and in which order stores are seen.
 *
 * MEMORY is one of
 *   sc    every store is seen at once: sequential consistency, to show what it would hide
 *   tso   amd64: stores wait in a queue of the processor, loads do not wait for them
 *   weak  arm64 as far as release and acquire permit: stores are seen in any order, but those of one cell in theirs, and a
 *         release store behind all that were issued before it; what is issued after a release store may be seen before it;
 *         an acquire load waits for the release stores before it, and for nothing else
 *
 * A cell has one writer, and no process loads a cell of its own: it knows what it stored, as in the code. So no load has to
 * look into its own queue. A load is one step, in its place: loads that may change places are written so where they are used.
 *
 * A process may die before each of its stores. No other process sees what it does between two stores, so these are all the deaths
 * there are: a death somewhere else looks like the one before the next store. What it stored is seen all the same.
 *
 * These are macros, not inlines, so that spin reports the line of the model that uses them.
 *
 * A model that includes this defines CELLS, WRITERS, QUEUE and MORTAL before: whether a process may die. One that may has a label dead.
 */
#define sc   1
#define tso  2
#define weak 3

#ifndef MEMORY
#define MEMORY tso
#endif

#ifdef MORTAL
#define MAYDIE(p) if :: true :: MORTAL(p) -> goto dead fi;
#else
#define MAYDIE(p)
#endif

byte memory[CELLS];

#if MEMORY == sc

#define drained(p) true
#define put(p, c, v, isrelease) memory[c] = v;

#else

typedef Queue {
	byte n;
	byte cell[QUEUE];
	byte value[QUEUE];
	bool last[QUEUE]
};
Queue queue[WRITERS];

#define drained(p) (queue[p].n == 0)

/* A processor whose queue is full waits. */
#define put(p, c, v, isrelease) \
	d_step { \
		queue[p].n < QUEUE -> \
		queue[p].cell[queue[p].n] = c; \
		queue[p].value[queue[p].n] = v; \
		queue[p].last[queue[p].n] = isrelease; \
		queue[p].n++ \
	}

/* Whether the store at place i of the queue may be seen next. */
#define may1(p) (queue[p].n > 1 && !queue[p].last[1] && queue[p].cell[1] != queue[p].cell[0])
#define may2(p) (queue[p].n > 2 && !queue[p].last[2] && queue[p].cell[2] != queue[p].cell[0] && \
	queue[p].cell[2] != queue[p].cell[1])
#define may3(p) (queue[p].n > 3 && !queue[p].last[3] && queue[p].cell[3] != queue[p].cell[0] && \
	queue[p].cell[3] != queue[p].cell[1] && queue[p].cell[3] != queue[p].cell[2])

/* The processor of a writer, which goes on when the process is dead: what was issued is seen. */
proctype processor(byte p) {
	byte i;
end:
	do
	:: atomic {
		queue[p].n > 0 ->
#if MEMORY == weak
		if
		:: true -> i = 0
		:: may1(p) -> i = 1
		:: may2(p) -> i = 2
		:: may3(p) -> i = 3
		fi;
#endif
		d_step {
			memory[queue[p].cell[i]] = queue[p].value[i];
			do
			:: i + 1 < queue[p].n ->
				queue[p].cell[i] = queue[p].cell[i + 1];
				queue[p].value[i] = queue[p].value[i + 1];
				queue[p].last[i] = queue[p].last[i + 1];
				i++
			:: else -> break
			od;
			queue[p].cell[i] = 0;
			queue[p].value[i] = 0;
			queue[p].last[i] = false;
			queue[p].n--;
			i = 0
		}
	}
	od
}

#endif

/*
 *            in Go                      tso                           weak
 * plain      an ordinary store          queued                        queued, not a release
 * release    mem.Release64              queued (mov)                  queued as a release (stlr)
 * store      atomic Store               at once, behind all (xchg)    queued as a release (stlr)
 * fence      atomic Add on a dummy      waits for the queue (lock)    nothing: less than it is there
 * add        atomic Add, shared         at once, behind all           at once, behind all
 * load       atomic Load                at once (mov)                 waits for queued releases (ldar)
 */
#define plain(p, c, v)   atomic { MAYDIE(p) put(p, c, v, false) }
#define release(p, c, v) atomic { MAYDIE(p) put(p, c, v, true) }

#if MEMORY == weak
#define store(p, c, v)   atomic { MAYDIE(p) put(p, c, v, true) }
#define fence(p) skip
#else
#define store(p, c, v)   atomic { MAYDIE(p) d_step { drained(p) -> memory[c] = v } }
#define fence(p) drained(p)
#endif

#define add(p, c)        atomic { MAYDIE(p) d_step { drained(p) -> memory[c]++ } }

#if MEMORY == weak && BROKEN != acquire_passes_release
#if QUEUE > 4
#error "released looks at four places"
#endif
#define released(p) (!queue[p].last[0] && !queue[p].last[1] && !queue[p].last[2] && !queue[p].last[3])
#else
#define released(p) true
#endif

#define load(p, c, x) d_step { released(p) -> x = memory[c] }
