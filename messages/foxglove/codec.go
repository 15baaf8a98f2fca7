package foxglove

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// Protobuf returns the codec that encodes values of T as the protobuf message that Foxglove has for them. Its encoding and its schema
// encoding are "protobuf".
//
// The encoder writes directly after dst and, from the second value on, allocates only if the capacity of dst does not suffice, or if a
// list is longer than before: it keeps the memory of its longest lists. Bytes of images, clouds and grids are not copied on the way. The
// decoder copies each payload once.
func Protobuf[T messages.Message]() serde.Codec[T] { return formOf[T]().protobuf() }

// JSON returns the codec that encodes values of T as JSON objects with the fields of the same message. Its encoding is "json", its schema
// encoding "jsonschema". Bytes are base64, times are objects of sec and nsec, enums are numbers. NaN, infinities and times before 1970 have
// no place in this form and are errors.
//
// The encoder writes directly after dst. The decoder skips fields that it does not know; missing ones are zero.
func JSON[T messages.Message]() serde.Codec[T] { return formOf[T]().json() }

// former makes the codecs of a form.
type former[T any] interface {
	protobuf() serde.Codec[T]
	json() serde.Codec[T]
}

// A form converts values of T to messages E and back.
type form[T, E any, M message[E]] struct {
	set func(m M, v *T) error // sets all fields of m, which may be used before. m aliases bytes of v until it is set again.
	get func(v *T, m M) error // sets fields of *v, which is zero. v aliases bytes of m.
}

type message[E any] interface {
	*E
	proto.Message
}

func newForm[T, E any, M message[E]](set func(M, *T) error, get func(*T, M) error) any {
	return &form[T, E, M]{set, get}
}

func formOf[T messages.Message]() former[T] {
	var f any
	var v T
	switch any(v).(type) {
	case messages.PoseStamped:
		f = newForm(setPose, getPose)
	case messages.TransformStamped:
		f = newForm(setTransform, getTransform)
	case messages.Transforms:
		f = newForm(setTransforms, getTransforms)
	case messages.Imu:
		f = newForm(setImu, getImu)
	case messages.LaserScan:
		f = newForm(setScan, getScan)
	case messages.PointCloud:
		f = newForm(setCloud, getCloud)
	case messages.Image:
		f = newForm(setImage, getImage)
	case messages.CompressedImage:
		f = newForm(setCompressed, getCompressed)
	case messages.CameraInfo:
		f = newForm(setCamera, getCamera)
	case messages.OccupancyGrid:
		f = newForm(setGrid, getGrid)
	case messages.JointState:
		f = newForm(setJoints, getJoints)
	case messages.Diagnostics:
		f = newForm(setDiagnostics, getDiagnostics)
	case messages.Log:
		f = newForm(setLog, getLog)
	}
	return f.(former[T])
}

func (f *form[T, E, M]) protobuf() serde.Codec[T] {
	inner := protobuf.Codec[M]()
	return &codec[T, E, M]{f, inner.Type(), inner.Encoder, inner.Decoder}
}

// A codec converts values to messages, which inner encoders and decoders of one of the forms take.
type codec[T, E any, M message[E]] struct {
	*form[T, E, M]
	t       serde.Type
	encoder func() serde.Encoder[M]
	decoder func() serde.Decoder[M]
}

func (c *codec[T, E, M]) Type() serde.Type { return c.t }

// CheckType lets versions of a message differ as packages protobuf and serde do: a decoder of JSON finds fields by name.
func (c *codec[T, E, M]) CheckType(published serde.Type) error {
	if c.t.Encoding == serde.EncodingJSON {
		return nil
	}
	return protobuf.Compatible(published, c.t)
}

func (c *codec[T, E, M]) Encoder() serde.Encoder[T] {
	return &encoder[T, E, M]{codec: c, inner: c.encoder(), m: new(E)}
}

func (c *codec[T, E, M]) Decoder() serde.Decoder[T] {
	return &decoder[T, E, M]{codec: c, inner: c.decoder()}
}

type encoder[T, E any, M message[E]] struct {
	*codec[T, E, M]
	inner serde.Encoder[M]
	v     T // the value being encoded; a field avoids one heap allocation per call
	m     M // used again for each value
}

func (e *encoder[T, E, M]) Append(dst []byte, v T) ([]byte, error) {
	e.v = v
	out := dst
	err := e.set(e.m, &e.v)
	if err != nil {
		err = fmt.Errorf("encode %s as %s: %w", e.t.Name, e.t.Encoding, err)
	} else {
		out, err = e.inner.Append(dst, e.m)
	}
	var zero T
	e.v = zero
	if cleared := e.set(e.m, &e.v); cleared != nil { // so that it keeps no memory of v
		panic(cleared) // every form has zero values
	}
	return out, err
}

type decoder[T, E any, M message[E]] struct {
	*codec[T, E, M]
	inner serde.Decoder[M]
	m     M // the last message, for the time of the call
}

func (d *decoder[T, E, M]) Decode(src []byte, v *T) error {
	var zero T
	*v = zero
	err := d.inner.Decode(src, &d.m)
	if err != nil {
		return err
	}
	err = d.get(v, d.m)
	d.m = nil
	if err != nil {
		*v = zero
		return &serde.DecodeError{Type: d.t.Name, Encoding: d.t.Encoding, Err: err}
	}
	return nil
}
