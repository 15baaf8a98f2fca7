package goal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/shmbus/shmbus/serde"
)

// An operation is what a request asks of a server.
type operation byte

const (
	opStart  operation = 1 + iota // a stream of updates of a new goal
	opFollow                      // a stream of updates of a goal that exists
	opCancel                      // a stream of nothing, an unknown update, or the error of the refusal
	opTaken                       // no response: the client has the result
)

// A request is what clients send: an id, an operation and, to start a goal, its value.
type request[G any] struct {
	id    ID
	op    operation
	value G
}

type requestCodec[G any] struct{ values serde.Codec[G] }

func (c requestCodec[G]) Type() serde.Type { return RequestType(c.values.Type()) }

func (c requestCodec[G]) Encoder() serde.Encoder[request[G]] {
	return requestEncoder[G]{c.values.Encoder()}
}

func (c requestCodec[G]) Decoder() serde.Decoder[request[G]] {
	return requestDecoder[G]{c.values.Decoder()}
}

// CheckType implements serde.TypeChecker.
func (c requestCodec[G]) CheckType(published serde.Type) error {
	return fits(valueOfRequests(published), c.values.Type(), c.values, "the client", "the server")
}

type requestEncoder[G any] struct{ values serde.Encoder[G] }

func (e requestEncoder[G]) Append(dst []byte, r request[G]) ([]byte, error) {
	var header [requestHeader]byte
	copy(header[reqOffID:], r.id[:])
	header[reqOffOperation] = byte(r.op)
	out := append(dst, header[:]...)
	if r.op != opStart {
		return out, nil
	}
	out, err := e.values.Append(out, r.value)
	if err != nil {
		return dst, err
	}
	return out, nil
}

type requestDecoder[G any] struct{ values serde.Decoder[G] }

// Decode decodes a copy, because a goal outlives its request.
func (d requestDecoder[G]) Decode(src []byte, r *request[G]) error {
	*r = request[G]{}
	id, op, value, err := parseRequest(src)
	if err != nil {
		return err
	}
	if op == opStart {
		if err := d.values.Decode(bytes.Clone(value), &r.value); err != nil {
			return err
		}
	}
	r.id, r.op = id, op
	return nil
}

// parseRequest reads a request. The value is in place.
func parseRequest(src []byte) (id ID, op operation, value []byte, err error) {
	if len(src) < requestHeader {
		return id, 0, nil, badRequest(fmt.Errorf("it has %d bytes, the header alone has %d", len(src), requestHeader))
	}
	id, op, value = ID(src[reqOffID:]), operation(src[reqOffOperation]), src[requestHeader:]
	switch {
	case op < opStart || op > opTaken:
		return id, op, nil, badRequest(fmt.Errorf("its operation is %d, must be %d to %d", op, opStart, opTaken))
	case op != opStart && len(value) > 0:
		return id, op, nil, badRequest(errors.New("only a goal that starts has a value"))
	}
	return id, op, value, nil
}

func badRequest(err error) error { return &serde.DecodeError{Encoding: "goal", Err: err} }
