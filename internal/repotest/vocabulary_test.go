package repotest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
)

// oldWords are words and names that something in the tree once had, and that docs/glossary.md replaces by terms of the field.
var oldWords = regexp.MustCompile(`(?i)\b(killpoints?|shmbus_killpoints|acquaintance|lament|siege|chronicler|squeezed|obey|deed|tryall|` +
	`OwnWord|PIDProof|TakenError|ExplainTaken|FollowMembers|CatchUp|Abandon|PeekInterval|meetAll|unmeet|entities|EntityID|MaxEntities|` +
	`IsOurWant|CapacityError)\b`)

// vocabulary wants none of these words in programs and documents. The history of changes may name them.
func vocabulary(files []*source) (wrong []string) {
	for _, s := range files {
		text := s.file != nil || slices.Contains([]string{".md", ".pml", ".d2"}, path.Ext(s.path)) || s.under(".ci")
		if !text || s.path == "CHANGELOG.md" || s.path == "internal/repotest/vocabulary_test.go" {
			continue
		}
		for _, word := range oldWords.FindAllString(string(s.text), -1) {
			wrong = append(wrong, fmt.Sprintf("%s has the word %q; docs/glossary.md has the one to use", s.path, word))
		}
	}
	return wrong
}
