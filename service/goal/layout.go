package goal

// Request. The value of a request of the service, written by a client. The goal's value follows if it starts; what the table leaves out is 0.
//
//	offset  size  constant        holds
//	0       16    reqOffID        id of the goal
//	16      1     reqOffOperation operation
const (
	reqOffID        = 0
	reqOffOperation = 16
)

// requestHeader is the size in bytes of a request without its value.
const requestHeader = 24

// Update. The value of a response of the service, written by the server. A text and a value follow; what the table leaves out is 0.
//
//	offset  size  constant      holds
//	0       1     updOffState   state
//	1       1     updOffContent content
//	4       4     updOffCode    code of an error; of state 5 the cause: 1 cancel, 2 newer goal, 3 no client, 4 server closes
//	8       4     updOffText    bytes of the text
const (
	updOffState   = 0
	updOffContent = 1
	updOffCode    = 4
	updOffText    = 8
)

// updateHeader is the size in bytes of an update without text and value.
const updateHeader = 16
