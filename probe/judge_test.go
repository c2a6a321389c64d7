// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"testing"
	"time"
)

// at is a look that began so many milliseconds after the beginning of a verify.
func at(begun int, shows string) attempt { return took(begun, 0, shows) }

func took(begun, duration int, shows string) attempt {
	start := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	from := start.Add(time.Duration(begun) * time.Millisecond)
	return attempt{begun: from, ended: from.Add(time.Duration(duration) * time.Millisecond), fingerprint: shows}
}

// What a look shows.
const old, wanted, failed = "old", "new", ""

func newJudge() judge { return judge{want: wanted, hits: 3, spread: 300 * time.Millisecond} }

func TestJudge(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		looks []attempt
		want  Outcome
	}{
		{"nothing seen", nil, Unreachable},
		{"three, spread", []attempt{at(0, wanted), at(150, wanted), at(300, wanted)}, Verified},
		{"three, too close together", []attempt{at(0, wanted), at(100, wanted), at(299, wanted)}, Unreachable},
		{"two, spread", []attempt{at(0, wanted), at(300, wanted)}, Unreachable},
		{"more than three, until they are spread", []attempt{at(0, wanted), at(100, wanted), at(200, wanted), at(300, wanted)}, Verified},
		{"the first one's own time does not count", []attempt{took(0, 100, wanted), at(150, wanted), at(300, wanted)}, Unreachable},
		{"nor does the last one's", []attempt{at(0, wanted), at(150, wanted), took(200, 100, wanted)}, Unreachable},
		{"a failure between: not in a row", []attempt{at(0, wanted), at(150, failed), at(300, wanted), at(450, wanted)}, Unreachable},
		{"three after a failure", []attempt{at(0, failed), at(50, wanted), at(200, wanted), at(350, wanted)}, Verified},
		{"three after the old one", []attempt{at(0, old), at(50, wanted), at(200, wanted), at(350, wanted)}, Verified},
		{"the old one only", []attempt{at(0, old), at(300, old), at(600, old)}, ServedOld},
		{"the old one, then nothing", []attempt{at(0, old), at(300, failed), at(600, failed)}, ServedOld},
		{"the old one once among failures", []attempt{at(0, failed), at(300, old), at(600, failed)}, ServedOld},
		{"the wanted one, then nothing", []attempt{at(0, wanted), at(300, failed), at(600, failed)}, Unreachable},
		{"nothing but failures", []attempt{at(0, failed), at(300, failed)}, Unreachable},
		{"the deadline ends a run after the old one", []attempt{at(0, old), at(300, wanted), at(450, wanted)}, ServedOld},
		{"both in turn", []attempt{at(0, wanted), at(300, old), at(600, wanted), at(900, old)}, ServedOld},
		{
			"after a relapse three are too few",
			[]attempt{at(0, wanted), at(50, old), at(100, wanted), at(250, wanted), at(400, wanted)},
			ServedOld,
		},
		{
			"after a relapse six are too few if they are not spread twice as far",
			[]attempt{at(0, wanted), at(1, old), at(2, wanted), at(3, wanted), at(4, wanted), at(5, wanted), at(6, wanted), at(601, wanted)},
			ServedOld,
		},
		{
			"after a relapse six over twice the time",
			[]attempt{at(0, wanted), at(1, old), at(2, wanted), at(3, wanted), at(4, wanted), at(5, wanted), at(6, wanted), at(602, wanted)},
			Verified,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j, proven := newJudge(), false
			for i, l := range tt.looks {
				j.add(l)
				if proven = j.proven(l); proven && i < len(tt.looks)-1 {
					t.Fatalf("proven by look %d already", i)
				}
			}
			if got := j.outcome(proven); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Every course of nine looks, judged anew by the promise's own words.
func TestJudgeProvesOnlyByTheRule(t *testing.T) {
	t.Parallel()
	const length, gap = 9, 100
	shows := []string{old, wanted, failed}
	courses := 1
	for range length {
		courses *= len(shows)
	}
	verified := 0
	for course := range courses {
		j := newJudge()
		inRow, sawOld, relapsed := 0, false, false
		for i, rest := 0, course; i < length; i, rest = i+1, rest/len(shows) {
			l := at(i*gap, shows[rest%len(shows)])
			switch l.fingerprint {
			case wanted:
				inRow++
			case old:
				relapsed = relapsed || inRow > 0
				sawOld, inRow = true, 0
			case failed:
				inRow = 0
			}
			j.add(l)
			proven := j.proven(l)
			if enough := inRow >= 3 && (inRow-1)*gap >= 300; proven && !enough || enough && !relapsed && !proven {
				t.Fatalf("course %d, look %d: proven is %t after %d in a row", course, i, proven, inRow)
			}
			if got := j.outcome(false); (got == ServedOld) != sawOld || got == Verified {
				t.Fatalf("course %d, look %d: got %s without proof", course, i, got)
			}
			if proven {
				verified++
				break
			}
		}
	}
	if verified == 0 || verified == courses {
		t.Errorf("%d of %d courses verified", verified, courses)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		j    judge
		want time.Duration
	}{
		{"a miss", judge{misses: 1}, 25 * time.Millisecond},
		{"the next one", judge{misses: 2}, 50 * time.Millisecond},
		{"the sixth", judge{misses: 6}, 800 * time.Millisecond},
		{"the seventh", judge{misses: 7}, time.Second},
		{"the fortieth", judge{misses: 40}, time.Second}, // 25 ms doubled so often would be no number
		{"a long time later", judge{misses: 1 << 40}, time.Second},
		{"a hit", judge{run: 1, hits: 3, spread: 300 * time.Millisecond}, 150 * time.Millisecond},
		{"rounded up, or it would take one more", judge{run: 1, hits: 8, spread: 300 * time.Millisecond}, 42857143},
		{"one hit is demanded", judge{run: 1, hits: 1, spread: 300 * time.Millisecond}, 300 * time.Millisecond},
		{"a hit in doubt", judge{run: 1, hits: 3, spread: 300 * time.Millisecond, strictness: 2}, 120 * time.Millisecond},
	}
	for _, tt := range tests {
		if got := tt.j.pause(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

// However often a server relapses, what is demanded stays possible.
func TestDoubtIsBounded(t *testing.T) {
	t.Parallel()
	j := newJudge()
	for i := range 100 {
		j.add(at(2*i, wanted))
		j.add(at(2*i+1, old))
	}
	if hits, spread := j.demand(); hits != 24 || spread != 2400*time.Millisecond {
		t.Errorf("got %d hits over %s", hits, spread)
	}
}

func TestOverall(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		targets []Outcome
		want    Outcome
		word    string
	}{
		{"all agree", []Outcome{Verified, Verified}, Verified, "verified"},
		{"one is old", []Outcome{Verified, ServedOld}, ServedOld, "served_old"},
		{"one cannot be reached", []Outcome{Verified, Unreachable, Verified}, Unreachable, "unreachable"},
		{"an old one beats an unreachable one", []Outcome{Unreachable, ServedOld, Unreachable}, ServedOld, "served_old"},
	}
	for _, tt := range tests {
		var targets []TargetReport
		for _, o := range tt.targets {
			targets = append(targets, TargetReport{Outcome: o})
		}
		if got := overall(targets); got != tt.want || got.String() != tt.word {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.word)
		}
	}
	if new(Report).Outcome == Verified {
		t.Error("an empty report proves something")
	}
}
