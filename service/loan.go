package service

import (
	"context"
	"errors"

	"github.com/shmbus/shmbus/topic"
)

// A Loan is shared memory for the encoded value of a request or response, which the application fills in place. It ends with exactly one
// Call, Commit or Discard.
type Loan struct {
	loan topic.Loan
	size int
}

// Bytes returns the memory, of the requested size. It must not be used after the loan has ended.
func (l Loan) Bytes() []byte { return l.loan.Bytes()[HeaderSize : HeaderSize+l.size] }

// WriteAt copies b to the memory at byte off, as topic.Loan.WriteAt does.
func (l Loan) WriteAt(b []byte, off int64) (int, error) { return l.loan.WriteAt(b, off+HeaderSize) }

// Discard returns the memory without sending it.
func (l Loan) Discard() { l.loan.Discard() }

// A RequestLoan is a Loan for a request to one server.
type RequestLoan[Req, Resp any] struct {
	Loan
	conn *conn[Req, Resp]
}

// Loan returns memory for an encoded request of size bytes, of a connected server.
func (c *Client[Req, Resp]) Loan(ctx context.Context, size int) (RequestLoan[Req, Resp], error) {
	k, err := c.choose(ctx, c.opts.Wait)
	if err != nil {
		return RequestLoan[Req, Resp]{}, err
	}
	l, err := k.requests.Loan(ctx, HeaderSize+size)
	return RequestLoan[Req, Resp]{Loan{l, size}, k}, err
}

// Call sends the first n bytes as a request to the server of the loan and waits for the response, as CallRaw does. Also on error the loan
// has ended.
func (l RequestLoan[Req, Resp]) Call(ctx context.Context, n int) (Response[Resp], error) {
	k := l.conn
	publish := func(h Header) (int, error) {
		h.put(l.loan.Bytes())
		return l.loan.Commit(ctx, HeaderSize+n)
	}
	r, err := k.call(ctx, publish)
	if errors.Is(err, ErrBusy) {
		l.Discard()
	}
	return r, err
}

// Loan returns memory for an encoded response of size bytes.
func (c *Call[Req, Resp]) Loan(ctx context.Context, size int) (Loan, error) {
	l, err := c.client.responses.Loan(ctx, HeaderSize+size)
	return Loan{l, size}, err
}

// Commit sends the first n bytes of a loan: as the response, in place of what the handler then returns, or as one response of a stream. Of
// a request without a response it only ends the loan.
func (c *Call[Req, Resp]) Commit(ctx context.Context, l Loan, n int) error {
	kind := KindResponse
	switch {
	case c.header.Kind == KindSend:
		l.Discard()
		return nil
	case c.server.stream != nil:
		kind = KindItem
		if err := c.awaitRoom(ctx); err != nil {
			l.Discard()
			return err
		}
	default:
		c.client.leave(c)
		c.answered = true
	}
	Header{Number: c.header.Number, Kind: kind}.put(l.loan.Bytes())
	_, err := l.loan.Commit(ctx, HeaderSize+n)
	return err
}
