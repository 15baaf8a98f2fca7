package command

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A size is a flag with a number of bytes: "300MB", "2GiB", "4096". It is at least leastMemory.
type size uint64

func (s *size) String() string {
	if n := uint64(*s); n >= 1<<20 && n%(1<<20) == 0 {
		return strconv.FormatUint(n>>20, 10) + "MiB"
	}
	return strconv.FormatUint(uint64(*s), 10)
}
func (s *size) Type() string { return "size" }

func (s *size) Set(text string) error {
	n, ok := parseSize(text)
	if !ok || n < leastMemory {
		return fmt.Errorf("it is no size of at least 1 MiB, like 300MB or 2GiB")
	}
	*s = size(n)
	return nil
}

// leastMemory is what reading a recording takes at least.
const leastMemory = 1 << 20

// A byteCount is a flag with any number of bytes greater than 0.
type byteCount int64

func (c *byteCount) String() string { return strconv.FormatInt(int64(*c), 10) }
func (c *byteCount) Type() string   { return "size" }

func (c *byteCount) Set(text string) error {
	n, ok := parseSize(text)
	if !ok || n < 1 {
		return fmt.Errorf("it is no size greater than 0, like 300MB, 2GiB or 4096")
	}
	*c = byteCount(n)
	return nil
}

func parseSize(text string) (int64, bool) {
	digits := strings.TrimRight(text, "kKMGTiB")
	unit, ok := map[string]float64{
		"": 1, "B": 1, "k": 1e3, "kB": 1e3, "M": 1e6, "MB": 1e6, "G": 1e9, "GB": 1e9, "T": 1e12, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}[text[len(digits):]]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !ok || !(n*unit >= 0) || n*unit >= math.MaxInt64 {
		return 0, false
	}
	return int64(n * unit), true
}
