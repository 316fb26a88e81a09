"""Account pages; each works with and without its trailing slash."""

from django.urls import re_path

from accounts.second_factor_views import own_second_factor, sign_in_code, sign_in_enrol
from accounts.sign_in_views import own_sign_ins
from accounts.views import LoginView, LogoutView, PasswordChangeView, set_theme

urlpatterns = [
    re_path(r"^login/?\Z", LoginView.as_view(), name="login"),
    re_path(r"^login/code/?\Z", sign_in_code, name="sign-in-code"),
    re_path(r"^login/enrol/?\Z", sign_in_enrol, name="sign-in-enrol"),
    re_path(r"^logout/?\Z", LogoutView.as_view(), name="logout"),
    re_path(r"^password/?\Z", PasswordChangeView.as_view(), name="password"),
    re_path(r"^second-factor/?\Z", own_second_factor, name="second-factor"),
    re_path(r"^sessions/?\Z", own_sign_ins, name="sign-ins"),
    re_path(r"^theme/?\Z", set_theme, name="theme"),
]
