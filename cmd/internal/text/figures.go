package text

import (
	"strconv"
	"strings"
	"time"
)

// scaled writes v in three or four digits with a decimal prefix.
func scaled(v float64, space, unit string) string {
	const prefixes = "kMGT"
	if !(v < 999.5e12) {
		return ">999" + space + "T" + unit
	}
	i := -1
	for ; v >= 999.5; i++ {
		v /= 1000
	}
	prefix := ""
	if i >= 0 {
		prefix = prefixes[i : i+1]
	}
	return digits(v) + space + prefix + unit
}

// digits writes three digits of a figure below 1000.
func digits(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.0995:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// Rate writes messages per second: "0.20", "10.0", "999", "12.3k".
func Rate(hz float64) string {
	if hz >= 999.5 && hz < 9999.5 {
		return strconv.FormatFloat(hz, 'f', 0, 64)
	}
	return scaled(hz, "", "")
}

// Count writes a number whole up to a million, and scaled beyond.
func Count(n uint64) string {
	if n < 1_000_000 {
		return strconv.FormatUint(n, 10)
	}
	return scaled(float64(n), "", "")
}

// Many writes a number of things, of which it takes the name of one: "1 topic", "2 processes".
func Many[N int | uint64](n N, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "s"):
		what += "e"
	}
	return strconv.FormatUint(uint64(n), 10) + " " + what + "s"
}

// Bytes writes a size: "0 B", "512 B", "1.20 kB".
func Bytes(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10) + " B"
	}
	return scaled(float64(n), " ", "B")
}

// Bandwidth writes bytes per second: "0 B/s", "1.20 kB/s".
func Bandwidth(b float64) string { return scaled(b, " ", "B/s") }

// Duration writes nanoseconds in three digits: "640 ns", "1.20 ms", "4.6 min".
func Duration(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < 0:
		return "-"
	case d < time.Microsecond:
		return strconv.FormatInt(ns, 10) + " ns"
	case d < 999500*time.Nanosecond:
		return digits(float64(ns)/1e3) + " µs"
	case d < 999500*time.Microsecond:
		return digits(float64(ns)/1e6) + " ms"
	case d < 2*time.Minute:
		return digits(d.Seconds()) + " s"
	case d < 2*time.Hour:
		return digits(d.Minutes()) + " min"
	case d < 48*time.Hour:
		return digits(d.Hours()) + " h"
	}
	if days := d.Hours() / 24; days >= 999.5 {
		return strconv.FormatFloat(days, 'f', 0, 64) + " d"
	}
	return digits(d.Hours()/24) + " d"
}
