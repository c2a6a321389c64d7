// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"fmt"
	"iter"
	"regexp"
	"strings"

	consultemplate "github.com/hashicorp/consul-template/template"
)

// shape is a call of a function with a number of arguments.
type shape struct {
	name      string
	arguments int
}

// libraryCalls calls functions of consul-template, which are reachable only from a
// template: it executes one with consul-template that consists of a call of each shape,
// as a coroutine, and has it take the branch of the call that is wanted. The execution
// has no data: every function that reads some is replaced or refused. The zero value is
// ready to use.
type libraryCalls struct {
	next func() (struct{}, bool)
	end  func()

	call      int   // the index of the shape that is called
	arguments []any // of the call
	result    any
	err       error // why the coroutine has ended
}

// do calls the function of shapes[call].
func (l *libraryCalls) do(shapes []shape, call int, arguments []any) (any, error) {
	if l.next == nil {
		l.next, l.end = iter.Pull(func(yield func(struct{}) bool) { l.err = l.execute(shapes, yield) })
		l.next() // until it waits for the first call
	}
	l.call, l.arguments, l.result = call, arguments, nil
	if _, waits := l.next(); !waits {
		return nil, libraryError(l.err, shapes[call].name)
	}
	return l.result, nil
}

// close ends the coroutine.
func (l *libraryCalls) close() {
	if l.end != nil {
		l.end()
	}
}

// execute executes the template of calls. It yields before each call.
func (l *libraryCalls) execute(shapes []shape, yield func(struct{}) bool) error {
	tmpl, err := consultemplate.NewTemplate(&consultemplate.NewTemplateInput{
		Contents: callsOf(shapes),
		ExtFuncMap: map[string]any{
			"_arg":    func(i int) any { return l.arguments[i] },
			"_return": func(result any) string { l.result = result; return "" },
			"_calls": func() iter.Seq[int] {
				return func(call func(int) bool) {
					for yield(struct{}{}) && call(l.call) {
					}
				}
			},
		},
	})
	if err != nil {
		return err
	}
	_, err = tmpl.Execute(&consultemplate.ExecuteInput{Brain: consultemplate.NewBrain()})
	return err
}

// callsOf returns the template that execute executes.
func callsOf(shapes []shape) string {
	var text strings.Builder
	text.WriteString("{{ range _calls }}")
	for i, s := range shapes {
		fmt.Fprintf(&text, "{{ if eq . %d }}{{ _return (%s", i, s.name)
		for a := range s.arguments {
			fmt.Fprintf(&text, " (_arg %d)", a)
		}
		text.WriteString(") }}{{ end }}")
	}
	text.WriteString("{{ end }}")
	return text.String()
}

// inCalls finds what text/template puts before a function's own error in the template of
// calls.
var inCalls = regexp.MustCompile(`(?s)^execute: template: :\d+:\d+: executing "" at <.*?>: (.*)$`)

// libraryError returns the error of a call without the places in the template of calls.
func libraryError(err error, name string) error {
	if err == nil {
		return fmt.Errorf("%s did not return", name) // cannot be: the coroutine ends with an error, or by close
	}
	text := err.Error()
	if m := inCalls.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	return &libraryFailure{strings.TrimPrefix(text, "error calling "+name+": ")}
}

// libraryFailure is the error of a function of consul-template.
type libraryFailure struct{ text string }

func (f *libraryFailure) Error() string { return f.text }
