package record

import (
	"crypto/rand"
	"slices"
	"testing"
)

func TestReadPasses(t *testing.T) {
	var specs []spec
	payload := make([]byte, 10_000)
	for i := range 500 {
		rand.Read(payload)
		specs = append(specs, spec{0, uint64(i), 0, string(payload)})
	}
	path := file(t, specs...)
	for name, read := range map[string]func(show func(float64)) error{
		"read": func(show func(float64)) error {
			_, err := Read(t.Context(), path, &ReadOptions{Progress: show}, func(*Message) error { return nil })
			return err
		},
		"compare": func(show func(float64)) error {
			_, err := CompareWithin(path, path, &CompareOptions{Progress: show})
			return err
		},
	} {
		var shares []float64
		if err := read(func(share float64) { shares = append(shares, share) }); err != nil {
			t.Fatal(err)
		}
		if n := len(shares); n < 8 || !slices.IsSorted(shares) || shares[0] <= 0 || shares[n-1] > 1 || shares[n-1] < 0.75 {
			t.Errorf("%s: %v", name, shares)
		}
	}
}
