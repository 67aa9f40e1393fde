package splio

// What the tests of import configurations look at.

type PlanFacts struct {
	Creates, Updates, Spares bool
	Files                    int
	Full, Phones, Lists      bool
}

func Contradictions(c ImportConfig, sub string, p PlanFacts) (doubts []string, refused error) {
	facts := planFacts{
		creates: p.Creates, updates: p.Updates, spares: p.Spares, files: p.Files,
		full: p.Full, phones: p.Phones, lists: p.Lists,
	}
	return c.doubts(sub, facts), c.contradictions(sub, facts)
}

func FindImport(i ImportConfigs, scope, sub string) (known bool, err error) {
	_, known, err = i.find(scope, sub)
	return known, err
}

func ValidateImports(i ImportConfigs) error { return i.validate() }
