// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"path/filepath"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

func TestWindow(t *testing.T) {
	t.Parallel()
	for window, want := range map[string]string{
		"22:00-04:00": "22:00-04:00 Local", "00:00-24:00": "00:00-24:00 Local", "02:00-05:00 UTC": "02:00-05:00 UTC",
		"02:00-05:00  +02:00": "02:00-05:00 +02:00", "02:00-05:00 Local": "02:00-05:00 Local",
		"": "", "02:00": "", "25:00-26:00": "", "24:00-01:00": "", "02:60-03:00": "", "02:00 - 05:00": "", "02:00-05:00,": "",
		"02:00-02:00": "", "02:00-05:00 Mars": "", "02:00-05:00 ../etc/passwd": "", "02:00-05:00 +2": "",
	} {
		c, problems := config.Load([]string{filepath.Join(write(t, map[string]string{
			"a.hcl": inBundle(aCertificate + "window = \"" + window + "\""),
		}), "a.hcl")}, config.Overrides{LookupEnv: noEnv})
		switch {
		case want == "" && (len(problems) != 1 || problems[0].Name != "window" || problems[0].Pos.Line == 0):
			t.Errorf("%q: got %v", window, problems)
		case want != "" && (c == nil || c.Bundles[0].Window.String() != want):
			t.Errorf("%q: got %+v, %v", window, c, problems)
		}
	}
}
