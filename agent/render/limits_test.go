// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// endless are templates that would take for ever, or all memory. want is in the error.
var endless = []struct{ name, template, want string }{
	{"loop", `{{ range loop 3000000000 }}{{ end }}`, "takes longer than"},
	{"range over a number", `{{ range 3000000000 }}{{ end }}`, "takes longer than"},
	{"nested ranges", `{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}`, "takes longer than"},
	{"range in with and if", `{{ with 1 }}{{ if true }}{{ range 3000000000 }}{{ if false }}x{{ else }}{{ end }}{{ end }}{{ end }}{{ end }}`, "takes longer than"},
	{"range in else", `{{ if false }}{{ else if true }}{{ range loop 3000000000 }}{{ continue }}{{ end }}{{ end }}`, "takes longer than"},
	{"output of a range", `{{ range loop 3000000000 }}0123456789{{ end }}`, "takes longer than|the output would be larger than 16 MiB"},
	{"output of values", `{{ range loop 3000000000 }}{{ print "0123456789" . }}{{ end }}`, "takes longer than|the output would be larger than 16 MiB"},
	{"many templates", `{{ define "a" }}{{ template "b" }}{{ template "b" }}{{ end }}{{ define "b" }}{{ range loop 100000 }}{{ template "c" }}{{ end }}{{ end }}{{ define "c" }}{{ range loop 100000 }}{{ end }}{{ end }}{{ template "a" }}`, "takes longer than"},
	{"template that calls itself", `{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`, "call each other more than 1000 levels deep"},
	{"template that executes itself", `{{ define "a" }}{{ executeTemplate "a" }}{{ end }}{{ template "a" }}`, "call each other more than 1000 levels deep"},
	{"execution of the whole", `{{ executeTemplate "" }}`, "call each other more than 1000 levels deep"},
	{"template that calls itself twice", `{{ define "a" }}{{ if lt . 100 }}{{ template "a" (sprig_add1 .) }}{{ template "a" (sprig_add1 .) }}{{ end }}{{ end }}{{ template "a" 0 }}`, "takes longer than"},
	{"executeTemplate", `{{ define "a" }}{{ range loop 3000000000 }}0123456789{{ end }}{{ end }}{{ executeTemplate "a" | len }}`, "takes longer than|would be larger than 16 MiB"},
	{"repeat", `{{ sprig_repeat 2000000000 "x" }}`, "the result of sprig_repeat would be larger than 16 MiB"},
	{"repeat, piped", `{{ "x" | sprig_repeat 2000000000 | len }}`, "the result of sprig_repeat would be larger than 16 MiB"},
	{"repeat of repeat", `{{ "x" | sprig_repeat 1000000 | sprig_repeat 1000000 }}`, "the result of sprig_repeat would be larger than 16 MiB"},
	{"until", `{{ range (sprig_until 200000000) }}{{ end }}`, "the result of sprig_until would be larger than 16 MiB"},
	{"until, down", `{{ range (sprig_until -200000000) }}{{ end }}`, "the result of sprig_until would be larger than 16 MiB"},
	{"untilStep", `{{ range (sprig_untilStep 0 2000000000 1) }}{{ end }}`, "the result of sprig_untilStep would be larger than 16 MiB"},
	{"untilStep that overflows", `{{ range (sprig_untilStep 9223372036854775800 9223372036854775807 10) }}{{ end }}`, "the result of sprig_untilStep would be larger than 16 MiB"},
	{"seq", `{{ sprig_seq 2000000000 }}`, "the result of sprig_seq would be larger than 16 MiB"},
	{"seq, of three", `{{ sprig_seq 0 2 2000000000 }}`, "the result of sprig_seq would be larger than 16 MiB"},
	{"indent", `{{ indent 2000000000 "x" }}`, "the result of indent would be larger than 16 MiB"},
	{"indent, of Sprig", `{{ sprig_indent 2000000000 "x" }}`, "the result of sprig_indent would be larger than 16 MiB"},
	{"nindent", `{{ sprig_nindent 2000000000 "x" }}`, "the result of sprig_nindent would be larger than 16 MiB"},
	{"indent of lines", `{{ sprig_repeat 100000 "a\n" | indent 100000 }}`, "the result of indent would be larger than 16 MiB"},
	{"printf", `{{ printf "%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d%1000000d" 1 }}`, "the result of printf would be larger than 16 MiB"},
	{"replaceAll", `{{ $x := sprig_repeat 100000 "a" }}{{ $x | replaceAll "a" $x }}`, "the result of replaceAll would be larger than 16 MiB"},
	{"replaceAll of nothing", `{{ $x := sprig_repeat 100000 "a" }}{{ $x | replaceAll "" $x }}`, "the result of replaceAll would be larger than 16 MiB"},
	{"replace", `{{ $x := sprig_repeat 100000 "a" }}{{ $x | sprig_replace "a" $x }}`, "the result of sprig_replace would be larger than 16 MiB"},
	{"regexReplaceAll", `{{ $x := sprig_repeat 100000 "a" }}{{ $x | regexReplaceAll "a" $x }}`, "the result of regexReplaceAll would be larger than 16 MiB"},
	{"regexReplaceAll with groups", `{{ $x := sprig_repeat 100000 "a" }}{{ $x | regexReplaceAll "(.*)" (sprig_repeat 1000 "$1") }}`, "the result of regexReplaceAll would be larger than 16 MiB"},
	{"regexReplaceAll, of Sprig", `{{ $x := sprig_repeat 100000 "a" }}{{ sprig_regexReplaceAll "a" $x $x }}{{ sprig_regexReplaceAllLiteral "a" $x $x }}`, "the result of sprig_regexReplaceAll would be larger than 16 MiB"},
	{"join", `{{ $x := sprig_repeat 100000 "a," }}{{ $x | split "," | join $x }}`, "the result of join would be larger than 16 MiB"},
	{"join, of Sprig", `{{ $x := sprig_repeat 100000 "a," }}{{ $x | split "," | sprig_join $x }}`, "the result of sprig_join would be larger than 16 MiB"},
	{"wrapWith", `{{ $x := sprig_repeat 100000 "a " }}{{ $x | sprig_wrapWith 1 $x }}`, "the result of sprig_wrapWith would be larger than 16 MiB"},
	{"text that doubles", `{{ $x := "0123456789" }}{{ range loop 60 }}{{ $x = print $x $x }}{{ end }}`, "the argument of print would be larger than 16 MiB"},
	{"text that grows by encoding", `{{ $x := "0123456789" }}{{ range loop 300 }}{{ $x = base64Encode $x }}{{ end }}`, "the argument of base64Encode would be larger than 16 MiB"},
	{"list that doubles, printed", `{{ $x := sprig_list 1 }}{{ range loop 60 }}{{ $x = sprig_list $x $x }}{{ end }}{{ $x }}`, "the output would be larger than 16 MiB"},
	{"list that doubles, as JSON", `{{ $x := sprig_list 1 }}{{ range loop 60 }}{{ $x = sprig_list $x $x }}{{ end }}{{ toJSON $x }}`, "the argument of toJSON would be larger than 16 MiB"},
	{"list that doubles, of Sprig", `{{ $x := sprig_list 1 }}{{ range loop 60 }}{{ $x = sprig_list $x $x }}{{ end }}{{ sprig_deepCopy $x | len }}`, "the argument of sprig_deepCopy would be larger than 16 MiB"},
	{"map in itself", `{{ $d := sprig_dict }}{{ $_ := sprig_set $d "d" $d }}{{ $d }}`, "contains itself"},
	{"map in itself, as JSON", `{{ $d := sprig_dict }}{{ $_ := sprig_set $d "d" $d }}{{ toJSON $d }}`, "contains itself"},
	{"map in itself, printed", `{{ $d := sprig_dict }}{{ $_ := sprig_set $d "d" $d }}{{ print $d | len }}`, "contains itself"},
	{"map in itself, as YAML", `{{ $d := sprig_dict }}{{ $_ := sprig_set $d "d" $d }}{{ toYAML $d }}`, "contains itself"},
	{"JSON of small values", `{{ sprig_repeat 8000000 "[]" | printf "[%s]" | replaceAll "][" "],[" | parseJSON | len }}`, "the result of parseJSON would be larger than 16 MiB|the result of replaceAll"},
	{"lists in a list", `{{ $l := sprig_list }}{{ range loop 3000000000 }}{{ $l = sprig_append $l (sprig_until 900000) }}{{ end }}`, "rendering takes more than 256 MiB of memory"},
	{"texts in a list", `{{ $l := sprig_list }}{{ $x := sprig_repeat 5000000 "x" }}{{ range loop 3000000000 }}{{ $l = sprig_append $l (print $x .) }}{{ end }}`, "rendering takes more than 256 MiB of memory"},
	{"small values in a map", `{{ $d := sprig_dict }}{{ range loop 3000000000 }}{{ $_ := sprig_set $d (print .) (sprig_list . . . . . . . .) }}{{ end }}`, "rendering takes more than 256 MiB of memory|takes longer than"},
	{"values in scratch", `{{ range loop 3000000000 }}{{ scratch.MapSet "m" (print .) (sprig_until 900000) }}{{ end }}`, "rendering takes more than 256 MiB of memory"},
	{"files", `{{ range loop 3000000000 }}{{ writeToFile (print "/" .) "" "" "600" "0123456789012345678901234567890123456789" }}{{ end }}`, "what the template writes to files would be larger than 16 MiB|takes longer than"},
	{"one file", `{{ range loop 3000000000 }}{{ writeToFile "/f" "" "" "600" "append" (sprig_repeat 1000 "x") }}{{ end }}`, "what the template writes to files would be larger than 16 MiB"},
	{"keys", `{{ range loop 3000000000 }}{{ $_ := sprig_genPrivateKey "rsa" }}{{ end }}`, "takes longer than"},
	{"nesting", strings.Repeat("{{ if true }}", 70_000), "nested more than"},
	{"nesting of ranges", strings.Repeat("{{range 1}}", 50_000) + strings.Repeat("{{end}}", 50_000), "nested more than"},
	{"nesting by else", "{{ if true }}" + strings.Repeat("{{ else if true }}", 40_000) + "{{ end }}", "nested more than"},
	{"nesting by else with", "{{ with true }}" + strings.Repeat("{{- /* x */ -}}{{- else with true -}}", 20_000) + "{{ end }}", "nested more than"},
	{"nesting of parentheses", "{{ " + strings.Repeat("(", 90_000), "nested more than"},
	{"size", strings.Repeat("x", 5<<20), "larger than 1 MiB"},
}

// TestTemplatesAreBounded has templates that would run for ever, or take all memory. Each
// ends with an error of the template, and leaves nothing behind.
func TestTemplatesAreBounded(t *testing.T) {
	for _, c := range endless {
		t.Run(c.name, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			tmpl, err := Parse(text(c.template))
			if err == nil {
				tmpl.limits.time, tmpl.limits.patience = time.Minute, time.Minute // for a busy machine
				if strings.HasPrefix(c.want, "takes longer") {
					tmpl.limits.time = 500 * time.Millisecond
				}
				_, err = tmpl.Execute(t.Context(), &world{})
			}
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			if took > 65*time.Second { // with the machine's load
				t.Errorf("took %v", took)
			}
			if after.HeapSys > before.HeapSys+1<<30 { // with garbage
				t.Errorf("took %d MiB of memory", (after.HeapSys-before.HeapSys)>>20)
			}
			wanted := false
			for want := range strings.SplitSeq(c.want, "|") {
				wanted = wanted || err != nil && strings.Contains(err.Error(), want)
			}
			if !wanted {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "_tick") {
				t.Errorf("shows what was added to the template: %v", err)
			}
			goleak.VerifyNone(t, leaks)
		})
	}
}

// TestExecutionEndsWithItsContext is about the end of the agent while a template is
// rendered.
func TestExecutionEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	_, err := parsed(t, text(`{{ range loop 3000000000 }}{{ end }}`)).Execute(ctx, &world{})
	if err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// TestStuckFunctionIsLeftBehind is about a function that cannot be stopped: the execution
// ends without it, and the template is not executed again until it has returned.
func TestStuckFunctionIsLeftBehind(t *testing.T) {
	tmpl := parsed(t, text(`{{ range sprig_until 1 }}{{ sprig_uniq (sprig_until 8000) | len }}{{ end }}`))
	tmpl.limits.time, tmpl.limits.patience = 50*time.Millisecond, 10*time.Millisecond
	began := time.Now()
	_, err := tmpl.Execute(t.Context(), &world{})
	if err == nil || !strings.Contains(err.Error(), "cannot be stopped") {
		t.Skipf("the function was fast: %v, %v", time.Since(began), err)
	}
	left := tmpl.left.Load()
	if _, err := tmpl.Execute(t.Context(), &world{}); err == nil || !strings.Contains(err.Error(), "still running") {
		t.Errorf("executed again: %v", err)
	}
	<-left.done
	if _, err := tmpl.Execute(t.Context(), &world{}); err == nil || strings.Contains(err.Error(), "still running") {
		t.Errorf("not executed again after the function had returned: %v", err)
	}
	<-tmpl.left.Load().done
}

// slowSource takes its time, which does not count.
type slowSource struct{ world }

func (s *slowSource) Plugin(string, []string) (string, error) {
	time.Sleep(100 * time.Millisecond)
	return "x", nil
}

func TestTimeOfTheSourceDoesNotCount(t *testing.T) {
	tmpl := parsed(t, text(`{{ range loop 5 }}{{ plugin "x" }}{{ end }}`))
	tmpl.limits.time = 300 * time.Millisecond
	if result, err := tmpl.Execute(t.Context(), &slowSource{}); err != nil || string(result.Output) != "xxxxx" {
		t.Errorf("%q, %v", []byte(result.Output), err)
	}
}

// TestLargeTemplatesRender has what is large, but no attack.
func TestLargeTemplatesRender(t *testing.T) {
	large := strings.Repeat("0123456789abcde\n", 1<<16) // 1 MiB
	w := kv(map[string]any{"large": large, "json": `[` + strings.Repeat(`{"a":"b"},`, 20_000) + `1]`})
	for contents, want := range map[string]int{
		with(`{{ .Data.large }}{{ .Data.large | indent 4 | trimSpace }}`):             1<<20 + 1<<20 + 4<<16 - 5,
		with(`{{ range loop 100000 }}{{ . }}{{ end }}`):                               488890,
		with(`{{ (.Data.json | parseJSON) | toJSON | parseJSON | len }}`):             5,
		with(`{{ range split "\n" .Data.large }}{{ . | toUpper }}{{ end }}`):          15 << 16,
		with(`{{ .Data.large | regexReplaceAll "([0-9]+)" "<$1>" }}`):                 1<<20 + 2<<16,
		with(`{{ .Data.large | base64Encode | base64Decode | sprig_b64enc }}`):        (1<<20 + 2) / 3 * 4,
		strings.Repeat("{{ if true }}", 300) + "x" + strings.Repeat("{{ end }}", 300): 1,
		strings.Repeat("{{ range loop 1 }}x{{ end }}", 20_000):                        20_000,
	} {
		tmpl := parsed(t, text(contents))
		tmpl.limits.time = 2 * time.Minute // for a busy machine, and the race detector
		result, err := tmpl.Execute(t.Context(), w)
		if err != nil || len(result.Output) != want {
			t.Errorf("%.80s: %d bytes, want %d, %v", contents, len(result.Output), want, err)
		}
	}
}

// TestErrorOfABoundHasItsPlace is what an operator sees.
func TestErrorOfABoundHasItsPlace(t *testing.T) {
	for contents, want := range map[string]string{
		"a\n{{ range loop 3000000000 }}{{ end }}":  "test:2:10: rendering takes longer than 1s",
		"a\n{{ \"x\" | sprig_repeat 2000000000 }}": "test:2:10: the result of sprig_repeat would be larger than 16 MiB",
		"{{ executeTemplate \"\" }}":               "test:1:4: templates call each other more than 1000 levels deep",
	} {
		tmpl := parsed(t, text(contents))
		tmpl.limits.time = time.Second
		_, err := tmpl.Execute(t.Context(), &world{})
		var located *Error
		if !errors.As(err, &located) || err.Error() != want {
			t.Errorf("%q\ngot  %v\nwant %s", contents, err, want)
		}
	}
}

// BenchmarkWeigh shows that weighing is cheap beside the execution.
func BenchmarkWeigh(b *testing.B) {
	value := reflect.ValueOf(map[string]any{"a": "b", "c": []any{"d", "e"}})
	for b.Loop() {
		if _, err := weigh(16<<20, value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHeap(b *testing.B) {
	for b.Loop() {
		heap()
	}
}
