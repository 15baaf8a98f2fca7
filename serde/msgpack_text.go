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

func (m *msgpackText) value(depth int) error {
	if len(m.src) == 0 {
		return io.ErrUnexpectedEOF
	}
	k := kindOf(m.src[0])
	if k.head > len(m.src) {
		return io.ErrUnexpectedEOF
	}
	var head [maxHead]byte
	copy(head[:], m.src[:k.head])
	m.src = m.src[k.head:]
	n := k.length(&head)
	if n > uint64(len(m.src)) {
		return io.ErrUnexpectedEOF
	}
	switch k.class {
	case scalar:
		m.scalar(&head)
	case bytesLike:
		body := m.body(n)
		if head[0] >= 0xc4 && head[0] <= 0xc6 {
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

func (m *msgpackText) body(n uint64) []byte {
	b := m.src[:n]
	m.src = m.src[n:]
	return b
}

func (m *msgpackText) scalar(head *[maxHead]byte) {
	code, arg := head[0], head[1:]
	switch code {
	case 0xc0:
		m.raw("null")
	case 0xc2:
		m.raw("false")
	case 0xc3:
		m.raw("true")
	case 0xca:
		m.float(float64(math.Float32frombits(binary.BigEndian.Uint32(arg))), 32)
	case 0xcb:
		m.float(math.Float64frombits(binary.BigEndian.Uint64(arg)), 64)
	case 0xcc:
		m.unsigned(uint64(arg[0]))
	case 0xcd:
		m.unsigned(uint64(binary.BigEndian.Uint16(arg)))
	case 0xce:
		m.unsigned(uint64(binary.BigEndian.Uint32(arg)))
	case 0xcf:
		m.unsigned(binary.BigEndian.Uint64(arg))
	case 0xd0:
		m.signed(int64(int8(arg[0])))
	case 0xd1:
		m.signed(int64(int16(binary.BigEndian.Uint16(arg))))
	case 0xd2:
		m.signed(int64(int32(binary.BigEndian.Uint32(arg))))
	case 0xd3:
		m.signed(int64(binary.BigEndian.Uint64(arg)))
	default:
		m.signed(int64(int8(code)))
	}
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
