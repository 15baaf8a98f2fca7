package jsontext

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Float converts a value of a parsed document, with numbers as json.Number, to a floating-point number. NaN and infinities are text, as
// AppendFloat writes them.
func Float(v any, bits int) (float64, error) {
	switch n := v.(type) {
	case json.Number:
		x, err := strconv.ParseFloat(string(n), bits)
		if err != nil {
			return 0, fmt.Errorf("%s is no number of %d bits", Short(string(n)), bits)
		}
		return x, nil
	case string:
		switch n {
		case "NaN":
			return math.NaN(), nil
		case "Infinity":
			return math.Inf(1), nil
		case "-Infinity":
			return math.Inf(-1), nil
		}
	}
	return 0, fmt.Errorf("a number is needed, not %s", Describe(v))
}

// Whole converts digits to the bits of an integer.
func Whole(digits string, bits int, signed bool) (uint64, error) {
	if signed {
		i, err := strconv.ParseInt(digits, 10, bits)
		if err != nil {
			return 0, fmt.Errorf("%s is no whole number of %d bits", Short(digits), bits)
		}
		return uint64(i) & (1<<(bits-1)<<1 - 1), nil
	}
	u, err := strconv.ParseUint(digits, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is no whole number of %d bits without sign", Short(digits), bits)
	}
	return u, nil
}

// Describe says what a value of a parsed document is.
func Describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return "number " + Short(string(v))
	case string:
		return strconv.Quote(Short(v))
	case []any:
		return "an array"
	}
	return "an object"
}

// Short is the beginning of a text that is quoted in an error.
func Short(text string) string {
	if len(text) > 60 {
		return text[:60] + "..."
	}
	return text
}
