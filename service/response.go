package service

import "github.com/shmbus/shmbus/topic"

// A Response is the answer to a call, in place in the server's memory. It is a small value; copies refer to the same response.
type Response[Resp any] struct {
	of     responder[Resp]
	sample topic.Sample[message[Resp]]
}

// responder is the connection of a response.
type responder[Resp any] interface {
	valueOf(topic.Sample[message[Resp]]) (Resp, error)
}

// Value decodes the response. A []byte value is a copy.
func (r Response[Resp]) Value() (Resp, error) { return r.of.valueOf(r.sample) }

// Bytes returns the encoded value, which must not be written. It is valid until Release. If the server's process truncates its file while
// a large value is read, the access faults and ends the program; Read returns an error instead.
func (r Response[Resp]) Bytes() []byte {
	if b := r.sample.Bytes(); len(b) >= HeaderSize {
		return b[HeaderSize:]
	}
	return nil
}

// Read calls f with the encoded value, as Sample.Read of package topic does.
func (r Response[Resp]) Read(f func(value []byte) error) error {
	return r.sample.Read(func(b []byte) error { return f(b[min(HeaderSize, len(b)):]) })
}

// Release returns the memory to the server. Only the first call has an effect.
func (r Response[Resp]) Release() { r.sample.Release() }

func (k *conn[Req, Resp]) valueOf(m topic.Sample[message[Resp]]) (v Resp, err error) {
	if k.client.bytes {
		err = m.Read(func(b []byte) error {
			_, value, err := ParseHeader(b)
			*any(&v).(*[]byte) = append([]byte{}, value...)
			return err
		})
	} else {
		var got message[Resp]
		got, err = m.Value()
		v = got.value
	}
	if err != nil {
		return v, k.client.fail(k, ErrOutcomeUnknown, "the response cannot be decoded: "+undecodable(err).Error())
	}
	return v, nil
}
