"""A test both ways for every case of the case book (`docs/case_book.yaml`).

Each test says which case it holds, and which way, by markers (several may stand on one test):

    @pytest.mark.case(12, "echo")     what AWS makes of it is no drift: no change, no write
    @pytest.mark.case(12, "change")   a real change beside it is named exactly, and mended
    @pytest.mark.case(74, "rule")     a case about calls: the sequence that AWS wants is made
    @pytest.mark.case(23, "refused")  not modelled: writing it is one clear error at load

A case is covered by `echo` and `change` together, by `rule`, or by `refused`. Tests converge a
small environment in the sandbox, let AWS do what the case says, and judge by what a further pass
reports and writes; where that can't be, they go through the handler with a reply of AWS's shape.
"""
