package service

// Message header. Before the value in each request and response; written by the publisher of the ring.
//
//	offset  size  constant       holds
//	0       8     hdrOffNumber   number of the call: slot in bits 0 to 15, above a counter from 1; of closed: sequence of the first request not taken
//	8       8     hdrOffDeadline deadline of a request, ns of CLOCK_MONOTONIC; 0 = none
//	16      4     hdrOffKind     kind
//	20      4     hdrOffCode     code of an error; negative: of the library
const (
	hdrOffNumber   = 0
	hdrOffDeadline = 8
	hdrOffKind     = 16
	hdrOffCode     = 20
)

// Control message. The newest state of a slot, written by the client; the topic is keyed by slot.
//
//	offset  size  constant         holds
//	0       4     ctlOffSlot       slot; helloSlot: about the client
//	4       4     ctlOffRequests   number of the client's publisher of requests
//	8       8     ctlOffNumber     number of the call; of a hello the number of slots
//	16      8     ctlOffCredit     credit: responses that the client can take, from the beginning of the stream
//	24      4     ctlOffCancelled  cancelled: 1
const (
	ctlOffSlot      = 0
	ctlOffRequests  = 4
	ctlOffNumber    = 8
	ctlOffCredit    = 16
	ctlOffCancelled = 24
)

// HeaderSize is the size in bytes of the header before the value in each request and response. What the table leaves out is 0.
const HeaderSize = 32

const controlSize = 32

// slotBits is the number of bits of a call number that name its slot. The highest slot stands for none.
const (
	slotBits  = 16
	helloSlot = 1<<slotBits - 1
)
