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


def test_answers_wait_for_what_the_page_has_asked_for(window, lab, files):
    slow = (
        "import time, cordviz as cv\n"
        f"view, done = cv.view_segmentation('{files}/img.nii', '{files}/truth.nii'), []\n"
        "view.observe(lambda _: (time.sleep(1), done.append(True)), 'cursor')\nview"
    )
    window.lab(lab, [slow])
    window.changes(lambda: window.wheel(100), "view.slice")
    assert window.value("done") == [True]
