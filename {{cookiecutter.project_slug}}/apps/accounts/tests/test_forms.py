from apps.accounts import forms


class TestEmailForm:
    def test_refuses_what_is_no_address(self) -> None:
        for typed in ("nonsense", "a@b", "a\0@example.com", "a@example.com\nBcc: b@example.com"):
            assert "email" in forms.EmailForm({"email": typed}).errors

    def test_reads_the_domain_as_a_mail_server_does(self) -> None:
        for typed in ("ada@example.com", "ada@EXAMPLE.com", "ada@\uff45xample.com"):
            form = forms.EmailForm({"email": typed})

            assert form.is_valid()
            assert form.cleaned_data["email"] == "ada@example.com"

    def test_refuses_what_no_mail_can_be_sent_to(self) -> None:
        for typed in ("V\u0131ctim@example.com", "v\u017f@example.com", '"a\x01b"@example.com'):
            assert "email" in forms.EmailForm({"email": typed}).errors


class TestNewAccountForm:
    def test_creates_an_account_for_the_address_of_the_link_only(self) -> None:
        data = {
            "email": "other@example.com",
            "name": "Ada",
            "new_password1": "a-long-phrase-7",
            "new_password2": "a-long-phrase-7",
        }
        form = forms.NewAccountForm(data, email="ada@example.com")

        assert form.is_valid()
        assert form.cleaned_data["email"] == "ada@example.com"
