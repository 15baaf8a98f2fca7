package repotest

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// oldWords are words that something in the tree once had, and that docs/glossary.md replaces by terms of the field.
var oldWords = regexp.MustCompile(`(?i)\b(killpoints?|shmbus_killpoints|acquaintances?|laments?|siege|chroniclers?|squeezed|deeds?|tryall|` +
	`OwnWord|PIDProof|TakenError|ExplainTaken|FollowMembers|CatchUp|Abandon|PeekInterval|meetAll|unmeet|entities|EntityID|MaxEntities|IsOurWant|CapacityError|` +
	`burials?|corpses?|glance[ds]?|heed(?:s|ed)?|poked|untidy|tall(?:y|ies)|obey|dismiss(?:es|ed)?|spoil(?:s|ed)?|witness(?:es)?|strangers?|crowd(?:s|ed)?|` +
	`unusable|NoSpaceError|SHMBUS_TEST_STORM)\b`)

// pronouns stand for processes and users where a noun should. The rights of users may be asked for with who.
var (
	pronouns = regexp.MustCompile(`(?i)(\busers? )?\b(who|whoever|whom|somebody|nobody|anybody|everybody|someone|anyone|everyone)\b([ -]may\b)?`)
	nobody   = regexp.MustCompile(`(?i)\b(?:publish|subscribe) +\S+ +nobody\b`) // a line of a policy
)

// oldParts are parts of identifiers, in lower case, that standard terms replace.
func oldParts() []string {
	return strings.Fields(`acquaintance acquaintances board buried burial bury cast circle corpse crowd deed deeds dismiss dismissed ear
		ears glance heed killpoint lab lament look looked looker looks obey park parked patience poke poked scene scenes seat seats
		siege spoil spoiled spoils squeezed stage stranger strangers struck tally tallies tidy tryall unmeet untidy unusable who whoever witness`)
}

// oldPhrases are several parts of an identifier one after the other.
func oldPhrases() []string { return []string{"giveup", "giveback", "gaveup", "gaveback"} }

// oldFiles are names of files and folders, without suffix, that say what is in them by a standard term now.
func oldFiles() map[string]string {
	return map[string]string{
		"registry":     "acquaintance burial look ringing members allowed state",
		"shmtransport": "circle row park turn tally tidy cut cutpage place wanting watch linkjoin linkmarks slots",
		"topic":        "meeting admitting answertime publication subscription cut",
		"doctor":       "place look",
		"internal":     "crew killpoint counters fault",
		"bench":        "lab cast place self rounds",
		"cmd":          "board stage crowd pair footprint trace role tally",
		"integration": "deed obey order attempt tryall siege hostile honest exposed_role visitor_role chronicler witness evidence scene " +
			"lives struck_none squeezed planted mend holdings outside patient storm newcomer",
	}
}

// oldExports are exported names of packages, methods and fields included, that have standard names now.
func oldExports() map[string]string {
	return map[string]string{
		"registry": "Touch Know Follow CatchUp Look Problems Forget Deciding MayPublish CannotRead TakenError Touched Incompatible Entity Refresh",
		"shmtransport": "Dismiss Leave Watches Gone Tidy Peek PeekInterval Watch Waits Undecodable CountIn Figures Patience Request Tag " +
			"Mapped Idle Watched Abandon",
		"topic":  "Unusable Missed Entity Abandon",
		"record": "Passable",
	}
}

// vocabulary wants terms of the glossary in the names and the text of programs and documents. The history of changes may have old names.
func vocabulary(files []*source) (wrong []string) {
	for _, s := range files {
		if s.path == "LICENSE" || s.dir() == "internal/repotest" { // the tests of rules name what the rules forbid
			continue
		}
		for _, word := range slices.Concat(wordsOf(s), namesOf(s)) {
			wrong = append(wrong, fmt.Sprintf("%s has %q; docs/glossary.md has the term to use, and a process or user has a noun", s.path, word))
		}
	}
	return wrong
}

// wordsOf are the old words and pronouns in the text of a file. Of a program that is its comments and strings.
func wordsOf(s *source) (found []string) {
	prose := slices.Contains([]string{".md", ".pml", ".d2", ".txtar"}, path.Ext(s.path)) || s.under(".ci")
	texts := []string{string(s.text)}
	if s.file != nil {
		if s.path != "CHANGELOG.md" {
			found = oldWords.FindAllString(string(s.text), -1)
		}
		texts = proseOf(s.file)
	} else if !prose {
		return nil
	} else if s.path != "CHANGELOG.md" {
		found = oldWords.FindAllString(string(s.text), -1)
	}
	for _, text := range texts {
		for _, m := range pronouns.FindAllStringSubmatch(nobody.ReplaceAllString(text, ""), -1) {
			asked := strings.EqualFold(m[2], "who") && (m[1] != "" || m[3] != "")
			keyword := m[2] == "nobody" && (s.dir() == "registry" && strings.HasPrefix(path.Base(s.path), "policy") || s.path == "docs/access.md")
			if !asked && !keyword {
				found = append(found, m[2])
			}
		}
	}
	return found
}

// proseOf are the comments and the strings of a program.
func proseOf(file *ast.File) (texts []string) {
	for _, group := range file.Comments {
		texts = append(texts, group.Text())
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

// namesOf are the old names of a file and of what it declares and uses.
func namesOf(s *source) (found []string) {
	base, _, _ := strings.Cut(path.Base(s.path), ".")
	for _, suffix := range []string{"_test", "_linux", "_other"} {
		base = strings.TrimSuffix(base, suffix)
	}
	old := strings.Fields(oldFiles()[top(s.path)])
	for _, folder := range append(strings.Split(s.dir(), "/"), base) {
		if slices.Contains(old, folder) && !strings.Contains(s.path, "/testdata/") {
			found = append(found, folder)
		}
	}
	if s.file == nil {
		return found
	}
	seen := map[string]bool{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok || seen[id.Name] || id.Name == "LookPath" {
			return true
		}
		seen[id.Name] = true
		parts := partsOf(id.Name)
		for _, part := range parts {
			if slices.Contains(oldParts(), part) {
				found = append(found, part)
			}
		}
		for _, phrase := range oldPhrases() {
			if strings.Contains(strings.Join(parts, ""), phrase) {
				found = append(found, phrase)
			}
		}
		return true
	})
	exports := strings.Fields(oldExports()[s.dir()])
	for _, name := range declared(s.file) {
		if slices.Contains(exports, name) {
			found = append(found, name)
		}
	}
	return found
}

// partsOf splits an identifier such as maxHTTPBody into its words, in lower case.
func partsOf(name string) (parts []string) {
	var part []rune
	runes := []rune(name)
	for i, r := range runes {
		next := i+1 < len(runes) && unicode.IsLower(runes[i+1])
		begins := unicode.IsUpper(r) && (len(part) > 0 && !unicode.IsUpper(part[len(part)-1]) || next)
		if begins || r == '_' || unicode.IsDigit(r) {
			if len(part) > 0 {
				parts = append(parts, strings.ToLower(string(part)))
			}
			part = nil
		}
		if r != '_' && !unicode.IsDigit(r) {
			part = append(part, r)
		}
	}
	if len(part) > 0 {
		parts = append(parts, strings.ToLower(string(part)))
	}
	return parts
}

// declared are the exported names of the functions, methods, types, constants, variables and fields that a file declares.
func declared(file *ast.File) (names []string) {
	add := func(ids ...*ast.Ident) {
		for _, id := range ids {
			if id.IsExported() {
				names = append(names, id.Name)
			}
		}
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || ast.IsExported(receiver(d)) {
				add(d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					add(spec.Names...)
				case *ast.TypeSpec:
					if !spec.Name.IsExported() {
						continue
					}
					add(spec.Name)
					if t, ok := spec.Type.(*ast.StructType); ok {
						for _, field := range t.Fields.List {
							add(field.Names...)
						}
					}
				}
			}
		}
	}
	return names
}

// receiver is the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	e := d.Recv.List[0].Type
	for {
		switch t := e.(type) {
		case *ast.StarExpr:
			e = t.X
		case *ast.IndexExpr:
			e = t.X
		case *ast.IndexListExpr:
			e = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}
