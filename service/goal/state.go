package goal

import "fmt"

// A State is the phase of a goal. The package documentation has the transitions.
type State uint8

// States of a goal.
const (
	Accepted  State = 1 + iota // it waits for its turn
	Running                    // its handler runs
	Succeeded                  // the handler returned a result
	Failed                     // the handler returned an error
	Cancelled                  // the handler ended because it was cancelled, or did not run
	Lost                       // at the client: the server's process died, or the server does not know the goal any more
)

var stateNames = [...]string{
	Accepted: "accepted", Running: "running", Succeeded: "succeeded", Failed: "failed", Cancelled: "cancelled", Lost: "lost",
}

func (s State) String() string {
	if int(s) < len(stateNames) && stateNames[s] != "" {
		return stateNames[s]
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Ended reports whether the goal has ended: no other state follows.
func (s State) Ended() bool { return s >= Succeeded }
