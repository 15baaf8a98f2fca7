package repotest

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A program is what its help texts say: the flags of each command, "" for the program itself.
type program map[string][]string

var (
	helpCommand = regexp.MustCompile(`(?m)^  (\w+) {2,}\S`)
	helpFlag    = regexp.MustCompile(`(?m)^\s+(?:(-\w), )?(--?[\w-]+)`)
)

// help asks a program that was built what it understands.
func help(binary string) (program, error) {
	ask := func(args ...string) (string, error) {
		out, err := exec.Command(binary, append(args, "--help")...).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%s %v --help: %w\n%s", binary, args, err, out)
		}
		return string(out), nil
	}
	text, err := ask()
	if err != nil {
		return nil, err
	}
	all := program{"": flagsIn(text)}
	_, list, _ := strings.Cut(text, "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for _, m := range helpCommand.FindAllStringSubmatch(list, -1) {
		text, err := ask(m[1])
		if err != nil {
			return nil, err
		}
		all[m[1]] = flagsIn(text)
	}
	return all, nil
}

func flagsIn(text string) (all []string) {
	for _, m := range helpFlag.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1], "--"+strings.TrimLeft(m[2], "-"))
	}
	return all
}

var bareFlag = regexp.MustCompile("^--[a-z-]+$")

// commands wants every command line of a program of ours to use commands and flags that it has, and every flag that the text
// names alone to be one of any of them.
func commands(programs map[string]program, pages []page) (wrong []string) {
	for _, p := range pages {
		say := func(line int, err error) {
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("%s:%d: %v", p.path, line, err))
			}
		}
		for _, b := range p.blocks {
			for i, line := range b.lines {
				say(b.line+i, understood(programs, line))
			}
		}
		for i, line := range p.prose {
			for _, code := range inlineCode.FindAllString(line, -1) {
				code = strings.Trim(code, "`")
				say(i+1, understood(programs, code))
				if bareFlag.MatchString(code) && !known(programs, code) {
					say(i+1, fmt.Errorf("no program has the flag %s", code))
				}
			}
		}
	}
	return wrong
}

func known(programs map[string]program, flag string) bool {
	for _, p := range programs {
		for _, flags := range p {
			if slices.Contains(flags, flag) {
				return true
			}
		}
	}
	return false
}

// beforeCommand is what may stand before a command's name: a prompt, a pipe, variables, go run.
var beforeCommand = regexp.MustCompile(`^(?:\$|\||&&|[A-Z_]+=\S*|go|run|timeout|[0-9]+s?|exec|setpriv|ExecStart=\S*)$`)

func understood(programs map[string]program, line string) error {
	words := shellWords(line)
	for i, w := range words {
		name := w[strings.LastIndex(w, "/")+1:]
		p, ok := programs[name]
		if !ok || w != name && !strings.HasPrefix(w, "./") && !strings.Contains(w, "bin/") ||
			slices.ContainsFunc(words[:i], func(w string) bool { return !beforeCommand.MatchString(w) }) {
			continue
		}
		return p.understands(name, words[i+1:])
	}
	return nil
}

func (p program) understands(name string, args []string) error {
	command := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") && len(p) > 1 {
		command = args[0]
	}
	flags, ok := p[command]
	if !ok {
		return fmt.Errorf("%s has no command %q", name, command)
	}
	for _, a := range args {
		if a == "|" || a == ">" || a == "&" || a == "&&" || a == ";" {
			break
		}
		flag, _, _ := strings.Cut(a, "=")
		if strings.HasPrefix(flag, "-") && !slices.Contains(flags, flag) {
			return fmt.Errorf("%s %s has no flag %s", name, command, flag)
		}
	}
	return nil
}

// shellWords splits as a shell does, as far as these documents need it: quotes, and a comment ends the line.
func shellWords(line string) (words []string) {
	var quote rune
	word, inWord := "", false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == '#' && !inWord:
			return words
		case unicode.IsSpace(r):
			if inWord {
				words = append(words, word)
			}
			word, inWord = "", false
		default:
			word, inWord = word+string(r), true
		}
	}
	if inWord {
		words = append(words, word)
	}
	return words
}
