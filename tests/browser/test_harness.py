"""The harness itself sees what no browser test must do."""


def test_other_hosts_and_errors_are_counted(window):
    def seen():
        window.page.evaluate("0")  # events come with an answer only
        return window.elsewhere, ["NAME_NOT_RESOLVED" in error for error in window.errors]

    window.page.evaluate("fetch('https://example.invalid/x.js').catch(() => {})")
    window.until(seen, (["https://example.invalid/x.js"], [True]), seconds=20)
    window.page.evaluate("setTimeout(() => { throw Error('ours'); })")
    window.until(seen, (["https://example.invalid/x.js"], [True, False]), seconds=20)
    window.errors.clear()
    window.elsewhere.clear()
