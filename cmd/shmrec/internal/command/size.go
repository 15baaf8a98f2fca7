package command

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A size is a flag with a number of bytes: "300MB", "2GiB", "4096".
type size uint64

func (s *size) String() string { return strconv.FormatUint(uint64(*s), 10) }
func (s *size) Type() string   { return "size" }

func (s *size) Set(text string) error {
	digits := strings.TrimRight(text, "kKMGTiB")
	unit, ok := map[string]float64{
		"": 1, "B": 1, "k": 1e3, "kB": 1e3, "M": 1e6, "MB": 1e6, "G": 1e9, "GB": 1e9, "T": 1e12, "TB": 1e12,
		"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	}[text[len(digits):]]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !ok || !(n*unit >= leastMemory) || n*unit >= math.MaxInt64 {
		return fmt.Errorf("it is no size of at least 1 MiB, like 300MB or 2GiB")
	}
	*s = size(n * unit)
	return nil
}

// leastMemory is what reading a recording takes at least.
const leastMemory = 1 << 20
