package serde

import (
	"encoding/json"

	"github.com/shmbus/shmbus/serde/internal/generic"
)

// A msgpackValue makes generic values of a MsgPack payload. The payload is private to this process.
type msgpackValue struct {
	msgpackText // reads heads, and writes keys
	build       *generic.Builder
}

func msgpackToValue(build *generic.Builder, src []byte) (any, error) {
	m := &msgpackValue{msgpackText{src: src}, build}
	v, err := m.any(0)
	if err == nil && len(m.src) > 0 {
		err = errTrailing
	}
	return v, err
}

func (m *msgpackValue) any(depth int) (any, error) {
	k, head, n, err := m.token()
	if err != nil {
		return nil, err
	}
	switch k.class {
	case bytesLike:
		if isBinary(head[0]) {
			return m.build.Bytes(m.body(n))
		}
		return m.build.Text(m.body(n))
	case extension:
		return m.extended(int8(head[k.head-1]), m.body(n))
	case container:
		switch {
		case depth == MaxDepth:
			return nil, errTooDeep
		case k.values == 2:
			return m.members(int(n/2), depth)
		}
		return m.elements(int(n), depth)
	case reserved:
		return nil, errReserved
	}
	switch v := scalarValue(&head).(type) {
	case float32:
		return float64(v), nil
	case uint64:
		return generic.Unsigned(v), nil
	default:
		return v, nil
	}
}

func (m *msgpackValue) elements(n, depth int) (any, error) {
	list, err := m.build.Array(n)
	for range n {
		if err != nil {
			break
		}
		var v any
		v, err = m.any(depth + 1)
		list = append(list, v)
	}
	return list, err
}

func (m *msgpackValue) members(n, depth int) (any, error) {
	object, err := m.build.Object(n)
	if err != nil {
		return nil, err
	}
	for range n {
		m.out, m.inKey = m.out[:0], true
		if err := m.value(depth + 1); err != nil {
			return nil, err
		}
		key, err := keyOf(m.out)
		if err != nil {
			return nil, err
		}
		if object[key], err = m.any(depth + 1); err != nil {
			return nil, err
		}
	}
	return object, nil
}

func (m *msgpackValue) extended(kind int8, body []byte) (any, error) {
	if kind == timeExtension {
		if t, ok := extensionTime(body); ok {
			if m.out = m.out[:0]; m.time(t) {
				return keyOf(m.out)
			}
		}
	}
	object, err := m.build.Object(2)
	if err != nil {
		return nil, err
	}
	object["ext"] = int64(kind)
	object["data"], err = m.build.Bytes(body)
	return object, err
}

// keyOf returns the text of a key that was written as JSON.
func keyOf(js []byte) (key string, err error) {
	if len(js) == 0 || js[0] != '"' {
		return string(js), nil
	}
	err = json.Unmarshal(js, &key)
	return key, err
}
