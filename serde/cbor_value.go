package serde

import (
	"math"
	"math/big"

	"github.com/shmbus/shmbus/serde/internal/generic"
)

// A cborValue makes generic values of a CBOR payload, which is well-formed and private to this process.
type cborValue struct {
	cborText // reads heads, and writes keys
	build    *generic.Builder
}

func cborToValue(build *generic.Builder, src []byte) (any, error) {
	if err := checkCBOR(src); err != nil {
		return nil, err
	}
	c := &cborValue{cborText{src: src}, build}
	return c.any()
}

func (c *cborValue) any() (any, error) {
	major, info, arg := c.head()
	switch major {
	case cborUnsigned:
		return generic.Unsigned(arg), nil
	case cborNegative:
		if arg > math.MaxInt64 {
			return -1 - float64(arg), nil
		}
		return -1 - int64(arg), nil
	case cborBytes:
		return c.build.Bytes(c.body(info, arg))
	case cborString:
		return c.build.Text(c.body(info, arg))
	case cborArray:
		return c.elements(info, arg)
	case cborMap:
		return c.members(info, arg)
	case cborTag:
		return c.tagged(arg)
	}
	switch {
	case info >= 25 && info <= 27:
		f, _ := cborFloat(info, arg)
		return f, nil
	case arg == 20 || arg == 21:
		return arg == 21, nil
	case arg == 22 || arg == 23:
		return nil, nil
	}
	object, err := c.build.Object(1)
	if err == nil {
		object["simple"] = int64(arg)
	}
	return object, err
}

// more counts down the items of a container, and reports whether there is another one.
func (c *cborValue) more(info byte, n *uint64) bool {
	if info == cborIndefinite {
		return !c.broke()
	}
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func (c *cborValue) elements(info byte, n uint64) (any, error) {
	if info == cborIndefinite {
		n = 0
	}
	list, err := c.build.Array(int(n))
	for err == nil && c.more(info, &n) {
		if len(list) == cap(list) { // of an indefinite length
			list, err = c.grow(list)
		}
		if err == nil {
			var v any
			v, err = c.any()
			list = append(list, v)
		}
	}
	return list, err
}

func (c *cborValue) grow(list []any) ([]any, error) {
	larger, err := c.build.Array(2*len(list) + 1)
	return append(larger, list...), err
}

func (c *cborValue) members(info byte, n uint64) (any, error) {
	if info == cborIndefinite {
		n = 0
	}
	object, err := c.build.Object(int(n))
	for err == nil && c.more(info, &n) {
		c.out, c.inKey = c.out[:0], true
		if err = c.value(); err != nil {
			break
		}
		var key string
		if key, err = keyOf(c.out); err == nil {
			object[key], err = c.any()
		}
	}
	return object, err
}

func (c *cborValue) tagged(number uint64) (any, error) {
	before := c.src
	switch number {
	case 0:
		if int(c.src[0]>>5) == cborString {
			return c.any()
		}
	case 1:
		c.out, c.inKey = c.out[:0], false
		if c.epoch() {
			return keyOf(c.out)
		}
	case 2, 3:
		if n, ok := c.bigNumber(number == 3); ok {
			return bigValue(n), nil
		}
	case 55799: // self-described CBOR
		return c.any()
	}
	c.src = before
	object, err := c.build.Object(2)
	if err != nil {
		return nil, err
	}
	object["tag"] = generic.Unsigned(number)
	object["value"], err = c.any()
	return object, err
}

func bigValue(n *big.Int) any {
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.IsUint64():
		return n.Uint64()
	}
	f, _ := n.Float64()
	return f
}
