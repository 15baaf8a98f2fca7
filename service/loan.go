package service

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/shmbus/shmbus/topic"
)

// A Loan is shared memory for the encoded value of a request or response, which the application fills in place. It ends with exactly one
// Call, Commit or Discard.
type Loan struct {
	loan   topic.Loan
	size   int
	number uint64 // of the call that a response is of
}

// Bytes returns the memory, of the requested size. It must not be used after the loan has ended.
func (l Loan) Bytes() []byte { return l.loan.Bytes()[HeaderSize : HeaderSize+l.size] }

// WriteAt copies b to the memory at byte off, as topic.Loan.WriteAt does.
func (l Loan) WriteAt(b []byte, off int64) (int, error) { return l.loan.WriteAt(b, off+HeaderSize) }

// Discard returns the memory without sending it.
func (l Loan) Discard() { l.loan.Discard() }

// Discard returns the memory without sending it.
func (l RequestLoan[Req, Resp]) Discard() {
	l.ended.Store(true)
	l.Loan.Discard()
}

// check returns an error if the loan has no n bytes.
func (l Loan) check(n int) error {
	if n < 0 || n > l.size {
		return fmt.Errorf("%d bytes of a loan of %d", n, l.size)
	}
	return nil
}

// A RequestLoan is a Loan for a request to one server.
type RequestLoan[Req, Resp any] struct {
	Loan
	conn  *conn[Req, Resp]
	ended *atomic.Bool // Call was called: the memory may hold another sample
}

// Loan returns memory for an encoded request of size bytes, of a connected server.
func (c *Client[Req, Resp]) Loan(ctx context.Context, size int) (RequestLoan[Req, Resp], error) {
	if err := checkSize(size); err != nil {
		return RequestLoan[Req, Resp]{}, fmt.Errorf("loan a request of %q: %w", c.name, err)
	}
	k, err := c.choose(ctx, c.opts.Wait)
	if err != nil {
		return RequestLoan[Req, Resp]{}, err
	}
	l, err := k.requests.Loan(ctx, HeaderSize+size)
	return RequestLoan[Req, Resp]{Loan{loan: l, size: size}, k, new(atomic.Bool)}, err
}

// Call sends the first n bytes as a request to the server of the loan and waits for the response, as CallRaw does. Also on error the loan
// has ended.
func (l RequestLoan[Req, Resp]) Call(ctx context.Context, n int) (Response[Resp], error) {
	k := l.conn
	if err := l.check(n); err != nil {
		l.Discard()
		return Response[Resp]{}, fmt.Errorf("call %q: %w", k.client.name, err)
	}
	if l.ended.Swap(true) {
		return Response[Resp]{}, fmt.Errorf("call %q: %w", k.client.name, topic.ErrLoanEnded)
	}
	r, err := k.call(ctx, func(h Header) (int, error) {
		h.put(l.loan.Bytes())
		return l.loan.Commit(ctx, HeaderSize+n)
	})
	if err != nil {
		l.Discard() // unless it was sent
	}
	return r, err
}

func checkSize(size int) error {
	if size < 0 || size > math.MaxInt-HeaderSize {
		return fmt.Errorf("its size is %d bytes, must be positive", size)
	}
	return nil
}

// Loan returns memory for an encoded response of size bytes.
func (c *Call[Req, Resp]) Loan(ctx context.Context, size int) (Loan, error) {
	if err := checkSize(size); err != nil {
		return Loan{}, fmt.Errorf("loan a response of %q: %w", c.server.Name(), err)
	}
	l, err := c.client.responses.Loan(ctx, HeaderSize+size)
	if err != nil {
		return Loan{}, err
	}
	// Commit does not write to the memory, which would be another sample's if the loan had ended.
	Header{Number: c.header.Number, Kind: c.loanKind()}.put(l.Bytes())
	return Loan{loan: l, size: size, number: c.header.Number}, nil
}

// loanKind is the kind of a response that Commit sends.
func (c *Call[Req, Resp]) loanKind() Kind {
	if c.server.stream != nil {
		return KindItem
	}
	return KindResponse
}

// Commit sends the first n bytes of a loan: as the response, in place of what the handler then returns, or as one response of a stream. Of
// a request without a response it only ends the loan. On error nothing is sent, the loan has ended as well, and what the handler returns
// counts. A handler whose response is sent no longer has a client: its context ends at the deadline, or when the server closes.
func (c *Call[Req, Resp]) Commit(ctx context.Context, l Loan, n int) error {
	if err := l.check(n); err != nil {
		l.Discard()
		return fmt.Errorf("commit a response of %q: %w", c.server.Name(), err)
	}
	switch {
	case l.number != c.header.Number:
		return fmt.Errorf("commit a response of %q: the loan is another call's", c.server.Name())
	case c.header.Kind == KindSend:
		l.Discard()
		return nil
	case c.server.stream != nil:
		if err := c.awaitRoom(ctx); err != nil {
			l.Discard()
			return err
		}
	case c.answered:
		l.Discard()
		return fmt.Errorf("commit a response of %q: the call has one already", c.server.Name())
	default:
		return c.commitAnswer(ctx, l, n)
	}
	if _, err := l.loan.Commit(ctx, HeaderSize+n); err != nil {
		return err
	}
	c.sent++
	return nil
}

// commitAnswer sends the one response of a call, whose handler goes on. The slot is free from the same step on, because the client may use it
// for another call at once, and not before, because a cancel still concerns this one.
func (c *Call[Req, Resp]) commitAnswer(ctx context.Context, l Loan, n int) error {
	c.client.mu.Lock()
	defer c.client.mu.Unlock()
	if _, err := l.loan.Commit(ctx, HeaderSize+n); err != nil {
		return err
	}
	c.answered = true
	if slot := &c.client.slots[slotOf(c.header.Number)]; slot.call == c {
		slot.call = nil
		c.server.sends.add(c) // so that Close ends its context
	}
	return nil
}
