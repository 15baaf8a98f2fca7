package figures

import (
	"maps"
	"testing"
)

func TestParse_KeepsNumbers(t *testing.T) {
	got, err := Parse([]byte(`{"workload":"latency","size":64,"p50_ns":43935,"p99_ns":null,"loan":false,"msgs_per_s":1998.98}` + "\n"))
	want := Figures{"size": 64, P50: 43935, Msgs: 1998.98}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestParse_OtherText(t *testing.T) {
	for _, text := range []string{"", "usage: x", "[1]", `{"a":`} {
		if got, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q: got %v and no error", text, got)
		}
	}
}

func TestShow_Units(t *testing.T) {
	cases := []struct {
		name string
		v    float64
		want string
	}{
		{P50, 75, "75.0 ns"}, {P50, 999.4, "999 ns"}, {P50, 999.6, "1.00 us"}, {P99, 38290, "38.3 us"}, {P99, 5e9, "5.00 s"}, {P99, 5e12, "5000 s"},
		{Msgs, 4331669, "4.33 M/s"}, {Reads, 821, "821/s"}, {Bytes, 15.1e9, "15.1 GB/s"}, {"torn", 0, "0"},
	}
	for _, c := range cases {
		if got := Show(c.name, c.v); got != c.want {
			t.Errorf("%s %v: got %q, want %q", c.name, c.v, got, c.want)
		}
	}
}
