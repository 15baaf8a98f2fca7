package topic

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/shmtransport"
)

// JoinOptions are the limits of a join. The zero value joins samples with equal stamps.
type JoinOptions struct {
	// Tolerance is the greatest difference between the stamps of a set. For a camera with 30 images a second and a lidar with
	// 10 scans it is at least 17 ms, half of the shorter period, if each scan shall have an image. Default 0: equal stamps, as of
	// cameras with one trigger.
	Tolerance time.Duration

	// QueueSize is the number of samples of each input that may wait for those of other inputs. It must cover the delay between
	// the inputs, at the rate of the fastest. If one more sample comes, the oldest is dropped. For a subscriber that is Lossless
	// the join receives no more instead until MaxWait has passed. Default 64, or MaxHeld-2 of an input's subscriber if that is
	// less.
	QueueSize int

	// MaxWait is how long a sample waits for those of other inputs, since it was received or, if that is later, since the last
	// set was received. Then the best set of the samples that there are is formed; if there is none, the sample is dropped.
	// Default one second, negative: without limit.
	MaxWait time.Duration

	// Dropped, if set, is called for each sample that is in no set. It runs on any goroutine, also within methods of the join,
	// without concurrent calls. It may use the join except Receive and Sets, and close it. It should return soon: an input may
	// wait for it, and if more than 1,024 samples are dropped meanwhile, it is not called for the rest. One call may still run
	// when Close returns.
	Dropped func(JoinDrop)
}

// A JoinInput is a subscriber as one input of a join. The subscriber may have patterns and several publishers.
//
// While a join runs, it receives from the subscriber. Other goroutines that receive from the subscriber take samples away from
// the join.
type JoinInput[T any] struct {
	Subscriber *Subscriber[T]

	// Stamp returns the time that a sample is joined by, such as that of a header. It may decode the value, or read only a part
	// of the payload; as in Subscriber.Handle, a payload in place that is truncated meanwhile does not end the program. With an
	// error, or a time outside of the years from 1678 to 2261, the sample is dropped. Stamp runs on a goroutine of the join, one
	// call at a time for an input. A panic there ends the program. Stamp must not keep or release the sample.
	//
	// Default: the time of publishing. It is Sample.Stamp if no input of the join has a function, else Sample.Time.
	Stamp func(Sample[T]) (time.Time, error)

	// MinInterval is a time that always passes between two stamps of the input, such as half of its period; default 0. Sets are
	// then formed earlier, because a sample that fits better can no longer come. If stamps are nearer than that, sets may have
	// more spread than is possible, and samples may be dropped that have a partner.
	MinInterval time.Duration
}

// A JoinReason says why a sample is in no set.
type JoinReason uint8

const (
	NoPartner   JoinReason = 1 + iota // an input has no sample within Tolerance, or one that fits better was used
	QueueFull                         // QueueSize later samples came before a sample of each other input
	WaitExpired                       // MaxWait passed before a sample of each other input came
	OutOfOrder                        // a sample of the same input with a later stamp is in an earlier set
	StampReset                        // the stamps of an input began anew, so that no sample matches those of before; see Join2
	NoStamp                           // the function for the stamp failed
	JoinClosed                        // the join was closed
)

var joinReasonNames = [...]string{
	NoPartner: "no partner", QueueFull: "queue full", WaitExpired: "wait expired", OutOfOrder: "out of order",
	StampReset: "stamp reset", NoStamp: "no stamp", JoinClosed: "join closed",
}

func (r JoinReason) String() string {
	if int(r) < len(joinReasonNames) && joinReasonNames[r] != "" {
		return joinReasonNames[r]
	}
	return fmt.Sprintf("JoinReason(%d)", uint8(r))
}

// A JoinDrop is a sample that is in no set of a join. It was released.
type JoinDrop struct {
	Input     int // from 0
	Topic     string
	Publisher PublisherID
	Sequence  uint64
	Stamp     time.Time // which the sample was joined by; the zero time if the Reason is NoStamp
	Reason    JoinReason
	Err       error // of the function for the stamp
}

// JoinStats are the counters of a join.
type JoinStats struct {
	Sets   uint64           // sets that were received
	Inputs []JoinInputStats // in the order of the inputs
}

// JoinInputStats are the counters of one input. Received equals Used plus Waiting plus Dropped.
type JoinInputStats struct {
	Received uint64 // samples that the join received
	Used     uint64 // samples in sets that were received
	Waiting  uint64 // samples that wait for others, or in a set that was not received yet

	// Samples that were dropped, for each JoinReason.
	NoPartner, QueueFull, WaitExpired, OutOfOrder, StampReset, NoStamp, Closed uint64

	Resets uint64 // times that the stamps ran back by more than a second
}

// Dropped returns the number of samples that were dropped, for whatever reason.
func (s JoinInputStats) Dropped() uint64 {
	return s.NoPartner + s.QueueFull + s.WaitExpired + s.OutOfOrder + s.StampReset + s.NoStamp + s.Closed
}

// of returns the counter of a reason.
func (s *JoinInputStats) of(r JoinReason) *uint64 {
	switch r {
	case NoPartner:
		return &s.NoPartner
	case QueueFull:
		return &s.QueueFull
	case WaitExpired:
		return &s.WaitExpired
	case OutOfOrder:
		return &s.OutOfOrder
	case StampReset:
		return &s.StampReset
	case NoStamp:
		return &s.NoStamp
	default:
		return &s.Closed
	}
}

// joinQueueSize returns the QueueSize of a join of these inputs. With one sample in a set that is formed and one in a set that
// the application holds, an input holds QueueSize+2 samples.
func joinQueueSize(opts *JoinOptions, inputs []*joinSource) (int, error) {
	size := cmp.Or(opts.QueueSize, 64)
	for i, in := range inputs {
		switch held := in.sub.reader.MaxHeld(); {
		case held < 3:
			return 0, fmt.Errorf("join: input %d, %q: MaxHeld of the subscriber is %d, must be at least 3", i, in.sub.endpoint.Topic, held)
		case opts.QueueSize == 0:
			size = min(size, held-2)
		case size > held-2:
			return 0, fmt.Errorf("join: QueueSize is %d, must be at most %d: MaxHeld of the subscriber of input %d, %q, is %d, and a join also holds two samples in sets", size, held-2, i, in.sub.endpoint.Topic, held)
		}
	}
	return size, nil
}

// check returns an error if the options are not valid.
func (o *JoinOptions) check() error {
	switch {
	case o.Tolerance < 0:
		return fmt.Errorf("join: Tolerance is %v, must not be negative; 0 means equal stamps", o.Tolerance)
	case o.QueueSize < 0 || o.QueueSize > shmtransport.MaxHeld-2:
		return fmt.Errorf("join: QueueSize is %d, must be from 1 to %d; 0 means 64", o.QueueSize, shmtransport.MaxHeld-2)
	}
	return nil
}

var errStampRange = errors.New("the stamp is not within the years from 1678 to 2261")
