// Package jsontext appends values to JSON as all encodings show them.
package jsontext

import (
	"encoding/json"
	"math"
	"unicode/utf8"
)

// AppendText appends s as a JSON string. Each byte that is not UTF-8 becomes U+FFFD.
func AppendText(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < 0x20 || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
		s = s[n:]
	}
	return append(dst, '"')
}

// AppendFloat appends a number of 32 or 64 bits with as few digits as identify it. NaN and infinities are strings.
func AppendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(dst, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(dst, `"-Infinity"`...)
	}
	var v any = f
	if bits == 32 {
		v = float32(f)
	}
	text, _ := json.Marshal(v) // finite numbers always have a JSON form
	return append(dst, text...)
}
