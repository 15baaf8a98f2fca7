package serde

import (
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"time"
)

// A msgpackText writes a MsgPack payload as JSON. The payload is private to this process.
type msgpackText struct {
	jsonText
	src []byte // unread bytes
}

func msgpackToJSON(src []byte) ([]byte, error) {
	m := &msgpackText{src: src}
	err := m.value(0)
	if err == nil && len(m.src) > 0 {
		err = errTrailing
	}
	if err != nil {
		return nil, &offsetError{len(src) - len(m.src), err}
	}
	return m.out, nil
}

// token reads the head of the next value, and checks that the payload has the length that it announces.
func (m *msgpackText) token() (k tokenKind, head [maxHead]byte, n uint64, err error) {
	if len(m.src) == 0 {
		return k, head, 0, io.ErrUnexpectedEOF
	}
	k = kindOf(m.src[0])
	if k.head > len(m.src) {
		return k, head, 0, io.ErrUnexpectedEOF
	}
	copy(head[:], m.src[:k.head])
	m.src = m.src[k.head:]
	if n = k.length(&head); n > uint64(len(m.src)) {
		return k, head, 0, io.ErrUnexpectedEOF
	}
	return k, head, n, nil
}

func (m *msgpackText) value(depth int) error {
	k, head, n, err := m.token()
	if err != nil {
		return err
	}
	switch k.class {
	case scalar:
		m.scalar(&head)
	case bytesLike:
		body := m.body(n)
		if isBinary(head[0]) {
			m.bytes(body)
		} else {
			m.text(body)
		}
	case extension:
		m.extension(int8(head[k.head-1]), m.body(n))
	case container:
		return m.container(n, k.values == 2, depth)
	case reserved:
		return errReserved
	}
	return nil
}

// isBinary tells bytes from text.
func isBinary(code byte) bool { return code >= 0xc4 && code <= 0xc6 }

func (m *msgpackText) body(n uint64) []byte {
	b := m.src[:n]
	m.src = m.src[n:]
	return b
}

func (m *msgpackText) scalar(head *[maxHead]byte) {
	switch v := scalarValue(head).(type) {
	case nil:
		m.raw("null")
	case bool:
		m.out = strconv.AppendBool(m.out, v)
	case float32:
		m.float(float64(v), 32)
	case float64:
		m.float(v, 64)
	case uint64:
		m.unsigned(v)
	case int64:
		m.signed(v)
	}
}

// scalarValue returns nil, or a bool, float32, float64, uint64 or int64.
func scalarValue(head *[maxHead]byte) any {
	code, arg := head[0], head[1:]
	switch code {
	case 0xc0:
		return nil
	case 0xc2, 0xc3:
		return code == 0xc3
	case 0xca:
		return math.Float32frombits(binary.BigEndian.Uint32(arg))
	case 0xcb:
		return math.Float64frombits(binary.BigEndian.Uint64(arg))
	case 0xcc:
		return uint64(arg[0])
	case 0xcd:
		return uint64(binary.BigEndian.Uint16(arg))
	case 0xce:
		return uint64(binary.BigEndian.Uint32(arg))
	case 0xcf:
		return binary.BigEndian.Uint64(arg)
	case 0xd0:
		return int64(int8(arg[0]))
	case 0xd1:
		return int64(int16(binary.BigEndian.Uint16(arg)))
	case 0xd2:
		return int64(int32(binary.BigEndian.Uint32(arg)))
	case 0xd3:
		return int64(binary.BigEndian.Uint64(arg))
	}
	return int64(int8(code))
}

func (w *jsonText) unsigned(n uint64) { w.out = strconv.AppendUint(w.out, n, 10) }
func (w *jsonText) signed(n int64)    { w.out = strconv.AppendInt(w.out, n, 10) }

func (m *msgpackText) extension(kind int8, body []byte) {
	if kind == timeExtension {
		if t, ok := extensionTime(body); ok && m.time(t) {
			return
		}
	}
	m.raw(`{"data":`)
	m.bytes(body)
	m.raw(`,"ext":`)
	m.signed(int64(kind))
	m.raw("}")
}

// extensionTime reads the three forms of MsgPack time stamps.
func extensionTime(b []byte) (time.Time, bool) {
	switch len(b) {
	case 4:
		return time.Unix(int64(binary.BigEndian.Uint32(b)), 0), true
	case 8:
		v := binary.BigEndian.Uint64(b)
		return time.Unix(int64(v&(1<<34-1)), int64(v>>34)), true
	case 12:
		return time.Unix(int64(binary.BigEndian.Uint64(b[4:])), int64(binary.BigEndian.Uint32(b))), true
	}
	return time.Time{}, false
}

func (m *msgpackText) container(n uint64, isMap bool, depth int) error {
	if depth == MaxDepth {
		return errTooDeep
	}
	next := func() (bool, error) {
		if n == 0 {
			return false, nil
		}
		n--
		return true, m.value(depth + 1)
	}
	if isMap {
		return m.object(next)
	}
	return m.array(next)
}
