package peers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/shmbus/shmbus/bench/internal/figures"
)

var (
	pingLine = regexp.MustCompile(`(?m) size \d+ mean \S+us min \S+us 50% ([0-9.]+)us 90% \S+us 99% ([0-9.]+)us max \S+us cnt ([0-9]+)$`)
	subLine  = regexp.MustCompile(`(?m) size ([0-9]+) total \d+ lost ([0-9]+) delta \d+ lost \d+ rate ([0-9.]+) (k?)S/s `)
)

// parsePing returns the medians of the figures that ping printed in each second.
func parsePing(out []byte) (figures.Figures, error) {
	var p50, p99 []float64
	for _, m := range pingLine.FindAllSubmatch(out, -1) {
		a, errA := strconv.ParseFloat(string(m[1]), 64)
		b, errB := strconv.ParseFloat(string(m[2]), 64)
		if err := errors.Join(errA, errB); err != nil {
			return nil, err
		}
		p50, p99 = append(p50, a*1e3), append(p99, b*1e3)
	}
	if len(p50) == 0 {
		return nil, errors.New("ddsperf ping had no answers")
	}
	return figures.Figures{figures.P50: middle(p50), figures.P99: middle(p99)}, nil
}

// parseSub returns the median of the rates that sub printed in each second, without the last, incomplete second.
func parseSub(out []byte) (figures.Figures, error) {
	var rates []float64
	size := 0.0
	for _, m := range subLine.FindAllSubmatch(out, -1) {
		var err error
		if size, err = strconv.ParseFloat(string(m[1]), 64); err != nil {
			return nil, err
		}
		if string(m[2]) != "0" {
			return nil, fmt.Errorf("ddsperf sub lost %s samples", m[2])
		}
		rate, err := strconv.ParseFloat(string(m[3]), 64)
		if err != nil {
			return nil, err
		}
		if len(m[4]) > 0 {
			rate *= 1e3
		}
		rates = append(rates, rate)
	}
	if len(rates) == 0 {
		return nil, errors.New("ddsperf sub received nothing")
	}
	rate := middle(rates[:max(1, len(rates)-1)])
	return figures.Figures{figures.Msgs: rate, figures.Bytes: rate * size}, nil
}

func middle(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
