package repotest

import (
	"fmt"
	"go/ast"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// plainWords are the words of exported identifiers that are plain English, Go or computing, and so need no entry in the glossary.
func plainWords() []string {
	return strings.Fields(`a access added after answer answered append at b before behind bucket by bytes c cache cancelled cbor check checker chosen clock close
		closed code command commands commit compare complete compressed compression conflict copy corrupt damage decode default delay delete
		deleted died difference dir discard disk drop duration elapsed end ended equal err error every exclude executable expired
		failed falling file first for forbidden force free from full gone handle held id in include info initial input interval is join joined json
		keeping kind large largest late left length level library limit list logger long loop losing mapped mapping max memory met min
		mismatch missed msg name never new next no number numbered of offset ok oldest on only operation options order original out overflow p pack parse
		partner passes path pause paused pid play played playing position prefix private profile progress publish queue rate raw read
		reason receive received recorded recorder redact release removed rename reset resume rule seek sent size skip skipped slow smallest
		space split spread start started status stop string summary sync throttled time timeout to tolerance too total try unavailable
		uncompressed undecodable unwrap up used v value verification verify wait waiting what within write written`)
}

const (
	glossaryFile     = "docs/glossary.md"
	maxGlossaryWords = 1600
)

// A glossaryEntry is one row of the glossary.
type glossaryEntry struct{ term, meaning, identifier string }

func glossaryEntries(text string) (entries []glossaryEntry) {
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), "|")
		if len(cells) != 3 || strings.HasPrefix(line, "|-") || strings.TrimSpace(cells[0]) == "term" {
			continue
		}
		entries = append(entries, glossaryEntry{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])})
	}
	return entries
}

// undefined are words of exported identifiers that no entry of the glossary has as its term and that are not plain.
func undefined(entries []glossaryEntry, files []*source) (wrong []string) {
	known := plainWords()
	for _, e := range entries {
		for word := range strings.FieldsFuncSeq(strings.ToLower(e.term), func(r rune) bool { return strings.ContainsRune(" -,", r) }) {
			known = append(known, word)
		}
	}
	for _, s := range files {
		if s.file == nil || s.test() || !slices.Contains([]string{"topic", "record", "serde"}, s.dir()) {
			continue
		}
		for _, name := range declared(s.file) {
			for _, word := range partsOf(name) {
				if !slices.Contains(known, word) && !slices.Contains(known, strings.TrimSuffix(word, "s")) {
					wrong = append(wrong, fmt.Sprintf("%s: %q of %s is no term of %s and no plain word", s.path, word, name, glossaryFile))
				}
			}
		}
	}
	return wrong
}

// misnamed are the identifiers of the glossary that nothing in the tree has: names in programs, files and commands.
func misnamed(entries []glossaryEntry, files []*source) (wrong []string) {
	known, paths := map[string]bool{}, map[string]bool{}
	for _, s := range files {
		paths[s.path] = true
		if s.file == nil || s.test() {
			continue
		}
		known[s.file.Name.Name] = true
		ast.Inspect(s.file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				known[id.Name] = true
			}
			return true
		})
	}
	for _, e := range entries {
		for _, code := range inlineCode.FindAllString(e.identifier, -1) {
			code = strings.Trim(code, "`")
			ok := strings.HasPrefix(code, "shmmon ") || strings.HasPrefix(code, "<id>.")
			if strings.Contains(code, "/") {
				ok = paths[code]
			} else if !ok {
				ok = !slices.ContainsFunc(strings.Split(code, "."), func(part string) bool { return !known[part] })
			}
			if !ok {
				wrong = append(wrong, fmt.Sprintf("%s: %q has %s, which is not in the tree", glossaryFile, e.term, code))
			}
		}
	}
	return wrong
}

// illFormed are entries that are not one sentence with an identifier, and terms that stand twice.
func illFormed(entries []glossaryEntry) (wrong []string) {
	seen := map[string]bool{}
	for _, e := range entries {
		if e.identifier == "" || strings.Count(e.meaning+" ", ". ") > 2 || !strings.HasSuffix(e.meaning, ".") || seen[e.term] {
			wrong = append(wrong, fmt.Sprintf("%s: %q stands twice, or is not a sentence or two and an identifier", glossaryFile, e.term))
		}
		seen[e.term] = true
	}
	return wrong
}

func TestGlossary(t *testing.T) {
	text, err := os.ReadFile(glossaryFile)
	if err != nil {
		t.Fatal(err)
	}
	files, entries := tree(t), glossaryEntries(string(text))
	if len(entries) < 40 {
		t.Errorf("the glossary has %d terms", len(entries))
	}
	if n := wordCount(string(text)); n > maxGlossaryWords {
		t.Errorf("the glossary has %d words, more than %d", n, maxGlossaryWords)
	}
	for _, wrong := range slices.Concat(undefined(entries, files), misnamed(entries, files), illFormed(entries)) {
		t.Error(wrong)
	}
}

func TestGlossary_CanFail(t *testing.T) {
	const row = "| term | meaning | identifier |\n|---|---|---|\n| ring word | A word. | %s |\n"
	parsed := func(text string) []*source {
		s, err := parse("topic/a.go", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return []*source{s}
	}
	good, bad := glossaryEntries(fmt.Sprintf(row, "`topic.Ring`, `topic/a.go`")), glossaryEntries(fmt.Sprintf(row, "`topic.Arena`"))
	for text, want := range map[string]int{
		"package topic\n\ntype Ring struct{ Words, arenas int }": 0, "package topic\n\ntype Arena struct{ Seat int }": 2,
		"package topic\n\nfunc (a arena) Arena() {}": 0,
	} {
		if wrong := undefined(good, parsed(text)); len(wrong) != want {
			t.Errorf("%q: %q, want %d", text, wrong, want)
		}
	}
	files := parsed("package topic\n\ntype Ring int")
	if wrong := misnamed(good, files); len(wrong) > 0 {
		t.Error(wrong)
	}
	if len(misnamed(bad, files)) != 1 || len(illFormed(slices.Concat(good, bad))) != 1 {
		t.Error("an unknown identifier or a second entry was not found")
	}
}

const (
	// What moves samples has 22,000 words. Services, recorder and monitor have a page of 1,500 words each, and as many for what the
	// other pages say of them. Consumer groups have 1,500 in all, the screens of the monitor 2,000,
	// and answers to questions of users 500.
	maxDocsWords = 22000 + 5*1500 + 2500
	minPictures  = 3
)

// wordCount counts what has a letter or a digit.
func wordCount(text string) (n int) {
	hasWord := regexp.MustCompile(`[\pL\pN]`)
	for field := range strings.FieldsSeq(text) {
		if hasWord.MatchString(field) {
			n++
		}
	}
	return n
}

// volume bounds the words of the documents, and wants pictures that a program makes.
func volume(files map[string]string) (wrong []string) {
	words, pictures := 0, map[string]bool{}
	image := regexp.MustCompile(`!\[[^\]]+\]\(pictures/([\w-]+)\.svg\)`)
	for name, text := range files {
		if path.Ext(name) != ".md" {
			continue
		}
		words += wordCount(text)
		for _, m := range image.FindAllStringSubmatch(text, -1) {
			_, made := files["docs/pictures/"+m[1]+".d2"]
			_, there := files["docs/pictures/"+m[1]+".svg"]
			if made && there {
				pictures[m[1]] = true
			}
		}
	}
	if words > maxDocsWords {
		wrong = append(wrong, fmt.Sprintf("docs has %d words, more than %d", words, maxDocsWords))
	}
	if len(pictures) < minPictures {
		wrong = append(wrong, fmt.Sprintf("docs shows the pictures %v, fewer than %d", slices.Sorted(maps.Keys(pictures)), minPictures))
	}
	return wrong
}

func TestDocuments_Volume(t *testing.T) {
	files := map[string]string{}
	for _, s := range tree(t) {
		if s.under("docs") {
			files[s.path] = string(s.text)
		}
	}
	for _, wrong := range volume(files) {
		t.Error(wrong)
	}
	enough := map[string]string{"docs/a.md": "- - " + strings.Repeat("ä1 ", maxDocsWords-minPictures)}
	for i := range minPictures {
		enough["docs/a.md"] += fmt.Sprintf("![x](pictures/p%d.svg) ", i)
		enough[fmt.Sprintf("docs/pictures/p%d.svg", i)], enough[fmt.Sprintf("docs/pictures/p%d.d2", i)] = "", ""
	}
	if wrong := volume(enough); len(wrong) > 0 {
		t.Error("wrongly: ", wrong)
	}
	enough["docs/b.md"] = "one"
	delete(enough, "docs/pictures/p0.d2")
	if wrong := volume(enough); len(wrong) != 2 {
		t.Errorf("too many words and too few pictures: %q", wrong)
	}
}
