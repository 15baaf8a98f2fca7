package message

import (
	"fmt"
	"strings"
)

// MaxHex is the number of bytes of a payload that are shown in hex.
const MaxHex = 64 << 10

// Hex writes the beginning of a payload in lines of at most width cells: offset, bytes, and the characters of ASCII.
func Hex(payload []byte, width int) []string {
	per := 16
	for per > 1 && 10+3*per+per+2 > width {
		per /= 2
	}
	shown := payload[:min(len(payload), MaxHex)]
	lines := make([]string, 0, len(shown)/per+2)
	for at := 0; at < len(shown); at += per {
		part := shown[at:min(at+per, len(shown))]
		var hex, ascii strings.Builder
		for _, c := range part {
			fmt.Fprintf(&hex, "%02x ", c)
			if c < ' ' || c > '~' {
				c = '.'
			}
			ascii.WriteByte(c)
		}
		lines = append(lines, fmt.Sprintf("%08x  %-*s %s", at, 3*per, hex.String(), ascii.String()))
	}
	if len(payload) > len(shown) {
		lines = append(lines, fmt.Sprintf("… %d bytes more", len(payload)-len(shown)))
	}
	if len(payload) == 0 {
		lines = append(lines, "empty")
	}
	return lines
}
