// Package trips paces the Go programs that are compared, and times their round trips, as trips.h does those in C.
package trips

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// Options say what to measure.
type Options struct {
	Size     int
	Rate     float64 // calls per second; 0 is the next when the response has come
	Duration time.Duration
}

// warm is the number of calls that do not count.
const warm = 200

// Flags adds the flags.
func (o *Options) Flags(f *flag.FlagSet) {
	f.IntVar(&o.Size, "size", 64, "bytes of a request and a response, at least 8")
	f.Float64Var(&o.Rate, "rate", 0, "calls per second (default: the next when the response has come)")
	f.DurationVar(&o.Duration, "duration", time.Second, "how long to measure")
}

// Args are the flags with the values of o.
func (o *Options) Args() []string {
	return []string{"-size", strconv.Itoa(o.Size), "-rate", strconv.FormatFloat(o.Rate, 'g', -1, 64), "-duration", o.Duration.String()}
}

// Run makes calls one after the other and prints their figures. The response must be the request.
func (o *Options) Run(ctx context.Context, w io.Writer, call func(request []byte) (response []byte, err error)) error {
	if o.Size < 8 {
		return fmt.Errorf("a payload of %d bytes has no room for a number: at least 8", o.Size)
	}
	b, took := make([]byte, o.Size), make([]int64, 0, 1<<16)
	turn := time.Now()
	end := turn.Add(o.Duration)
	for n := uint64(1); n <= 2*warm || time.Now().Before(end); n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if o.Rate > 0 {
			turn = Until(turn, time.Duration(float64(time.Second)/o.Rate))
		}
		began := time.Now()
		binary.NativeEndian.PutUint64(b, n)
		response, err := call(b)
		if err != nil {
			return err
		}
		Read(response)
		d := time.Since(began)
		if len(response) != o.Size || binary.NativeEndian.Uint64(response) != n {
			return fmt.Errorf("call %d got another response, of %d bytes", n, len(response))
		}
		if n > warm {
			took = append(took, int64(d))
		}
	}
	return json.NewEncoder(w).Encode(figuresOf(took))
}

func figuresOf(took []int64) map[string]float64 {
	slices.Sort(took)
	at := func(share float64) float64 { return float64(took[int(share*float64(len(took)))]) }
	return map[string]float64{"count": float64(len(took)), "p50_ns": at(0.5), "p90_ns": at(0.9), "p99_ns": at(0.99)}
}

// Read reads every byte.
func Read(b []byte) (sum uint64) {
	for _, c := range b {
		sum += uint64(c)
	}
	return sum
}

// Until sleeps until a period after the last turn, and returns the new turn. A late caller sleeps for a whole period.
func Until(turn time.Time, period time.Duration) time.Time {
	turn = turn.Add(period)
	if !time.Now().Before(turn) {
		turn = time.Now().Add(period)
	}
	for d := time.Until(turn); d > 0; d = time.Until(turn) {
		Nap(d)
	}
	return turn
}
