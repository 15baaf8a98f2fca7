package model

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// docs/reliability.md has the numbers of runs.
func TestRuns_AsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(text), "## Every state")
	page, _, _ = strings.Cut(page, "\n## ")
	sound, broken := map[string]int{}, map[string]int{}
	for _, r := range runs() {
		if r.caught == "" {
			sound[r.model]++
		} else {
			broken[r.model]++
		}
	}
	for model := range sound {
		first := fmt.Sprintf("`%s.pml`: %d", model, sound[model])
		if !strings.Contains(page, first+" runs, ") && !strings.Contains(page, first+", ") || !strings.Contains(page, fmt.Sprintf("%d broken |", broken[model])) {
			t.Errorf("the page does not have %s runs of %s.pml that find nothing, and %d broken", first, model, broken[model])
		}
	}
	if all := fmt.Sprintf("%d runs, ", len(runs())); !strings.Contains(page, all) {
		t.Errorf("the page does not say that there are %s", all)
	}
	if modelled := fmt.Sprintf("%d\nof ", len(protocols())); !strings.Contains(page, modelled) {
		t.Errorf("the page does not say that %d protocols are modelled", len(protocols()))
	}
}
