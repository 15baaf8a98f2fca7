package process

// A State is what the kernel says a process is doing.
type State uint8

const (
	Unseen  State = iota // no such process can be seen from here: it ended, or its pid is of another pid namespace or hidden
	Running              // it runs, or sleeps, and goes on by itself
	Stopped              // by a signal or a debugger: it does nothing until somebody lets it go on
	Ended                // it ended, and its parent has not asked how
)
