package goal

// A Request is what a request tells a process that observes it and is neither its client nor its server.
type Request struct {
	ID      ID
	Starts  bool // the request starts the goal
	Follows bool // updates of the goal answer the request, as they do if it starts the goal
	Taken   bool // the client has the result
}

// ObserveRequest reads the value of a request, after the header that service.ParseHeader reads.
func ObserveRequest(value []byte) (Request, error) {
	id, op, _, err := parseRequest(value)
	return Request{ID: id, Starts: op == opStart, Follows: op == opStart || op == opFollow, Taken: op == opTaken}, err
}

// ObserveUpdate reads the value of a response to a request that follows a goal, and returns the state that it tells; 0 if the server does
// not know the goal.
func ObserveUpdate(value []byte) (State, error) {
	u, err := parseUpdate(value)
	return u.state, err
}
