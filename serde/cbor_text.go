package serde

import (
	"math"
	"math/big"
	"time"
)

// Major types of CBOR.
const (
	cborUnsigned = iota
	cborNegative
	cborBytes
	cborString
	cborArray
	cborMap
	cborTag
	cborSimple
)

const (
	cborIndefinite = 31
	cborBreak      = 0xff
	maxBigBytes    = 64 // longer numbers are shown as tagged bytes, because conversion to decimal takes more than linear time
)

// A cborText writes a CBOR payload as JSON. The payload is well-formed and private to this process.
type cborText struct {
	jsonText
	src []byte // unread bytes
}

func cborToJSON(src []byte) ([]byte, error) {
	if err := checkCBOR(src); err != nil {
		return nil, err
	}
	c := &cborText{src: src}
	if err := c.value(); err != nil {
		return nil, err
	}
	return c.out, nil
}

// checkCBOR returns an error unless src is one well-formed value.
func checkCBOR(src []byte) error {
	mode, err := cborDecoding().DecMode()
	if err != nil {
		return err
	}
	if err := checkCBORLengths(src); err != nil {
		return err
	}
	if err := mode.Wellformed(src); err != nil {
		return locateCBOR(src, err)
	}
	return nil
}

// head reads the head of a data item.
func (c *cborText) head() (major int, info byte, arg uint64) {
	major, info = int(c.src[0]>>5), c.src[0]&0x1f
	arg = uint64(info)
	c.src = c.src[1:]
	if info >= 24 && info <= 27 {
		n := 1 << (info - 24)
		arg = 0
		for _, b := range c.src[:n] {
			arg = arg<<8 | uint64(b)
		}
		c.src = c.src[n:]
	}
	return major, info, arg
}

func (c *cborText) value() error {
	major, info, arg := c.head()
	switch major {
	case cborUnsigned:
		c.unsigned(arg)
	case cborNegative:
		c.negative(arg)
	case cborBytes:
		c.bytes(c.body(info, arg))
	case cborString:
		c.text(c.body(info, arg))
	case cborArray:
		return c.array(c.items(info, arg))
	case cborMap:
		return c.object(c.items(info, 2*arg))
	case cborTag:
		return c.tag(arg)
	case cborSimple:
		c.simple(info, arg)
	}
	return nil
}

func (c *cborText) negative(arg uint64) {
	if arg <= math.MaxInt64 {
		c.signed(-1 - int64(arg))
		return
	}
	n := new(big.Int).SetUint64(arg)
	c.out = n.Not(n).Append(c.out, 10)
}

// body returns the bytes of a string and joins the chunks of an indefinite-length string.
func (c *cborText) body(info byte, arg uint64) []byte {
	if info != cborIndefinite {
		b := c.src[:arg]
		c.src = c.src[arg:]
		return b
	}
	var all []byte
	for !c.broke() {
		_, _, n := c.head()
		all = append(all, c.src[:n]...)
		c.src = c.src[n:]
	}
	return all
}

// broke skips the break code that ends an item of indefinite length, if it comes next.
func (c *cborText) broke() bool {
	if c.src[0] != cborBreak {
		return false
	}
	c.src = c.src[1:]
	return true
}

func (c *cborText) items(info byte, n uint64) func() (bool, error) {
	return func() (bool, error) {
		if info != cborIndefinite {
			if n == 0 {
				return false, nil
			}
			n--
		} else if c.broke() {
			return false, nil
		}
		return true, c.value()
	}
}

func (c *cborText) tag(number uint64) error {
	before := *c
	switch number {
	case 0:
		if int(c.src[0]>>5) == cborString {
			return c.value()
		}
	case 1:
		if c.epoch() {
			return nil
		}
	case 2, 3:
		if n, ok := c.bigNumber(number == 3); ok {
			c.out = n.Append(c.out, 10)
			return nil
		}
	case 55799: // self-described CBOR
		return c.value()
	}
	*c = before
	c.raw(`{"tag":`)
	c.unsigned(number)
	c.raw(`,"value":`)
	err := c.value()
	c.raw("}")
	return err
}

func (c *cborText) epoch() bool {
	major, info, arg := c.head()
	switch {
	case arg <= math.MaxInt64 && major == cborUnsigned:
		return c.time(time.Unix(int64(arg), 0))
	case arg <= math.MaxInt64 && major == cborNegative:
		return c.time(time.Unix(-1-int64(arg), 0))
	case major == cborSimple && info >= 25 && info <= 27:
		f, _ := cborFloat(info, arg)
		if math.Abs(f) > 1<<40 || math.IsNaN(f) { // about 30 000 years: no date in RFC 3339
			return false
		}
		whole, part := math.Modf(f)
		return c.time(time.Unix(int64(whole), int64(part*1e9)))
	}
	return false
}

func (c *cborText) bigNumber(negative bool) (*big.Int, bool) {
	major, info, arg := c.head()
	if major != cborBytes {
		return nil, false
	}
	b := c.body(info, arg)
	if len(b) > maxBigBytes {
		return nil, false
	}
	n := new(big.Int).SetBytes(b)
	if negative {
		n.Not(n)
	}
	return n, true
}

func (c *cborText) simple(info byte, arg uint64) {
	switch {
	case info >= 25 && info <= 27:
		c.float(cborFloat(info, arg))
	case arg == 20:
		c.raw("false")
	case arg == 21:
		c.raw("true")
	case arg == 22 || arg == 23:
		c.raw("null")
	default:
		c.raw(`{"simple":`)
		c.unsigned(arg)
		c.raw("}")
	}
}

// cborFloat returns a number of 16, 32 or 64 bits, and the number of bits for its shortest decimal form.
func cborFloat(info byte, arg uint64) (f float64, bits int) {
	switch info {
	case 25:
		return halfFloat(uint16(arg)), 32
	case 26:
		return float64(math.Float32frombits(uint32(arg))), 32
	}
	return math.Float64frombits(arg), 64
}

func halfFloat(h uint16) float64 {
	exponent, fraction := int(h>>10)&0x1f, float64(h&0x3ff)
	f := math.Ldexp(1024+fraction, exponent-25)
	switch {
	case exponent == 0:
		f = math.Ldexp(fraction, -24)
	case exponent == 31 && fraction == 0:
		f = math.Inf(1)
	case exponent == 31:
		f = math.NaN()
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}
